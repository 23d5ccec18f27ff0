def reservoir(items, count, random):
    """Return `count` items chosen with equal chance from an iterable of unknown length."""
    chosen = []
    for seen, item in enumerate(items, start=1):
        if len(chosen) < count:
            chosen.append(item)
        else:
            place = random.randrange(seen)
            if place < count:
                chosen[place] = item
    return chosen
