from memo import TTL


def test_fresh(clock):
    cache = TTL(10, clock)
    cache.put("a", 1)
    clock.advance(9)
    assert cache.get("a") == 1


def test_gone(clock):
    cache = TTL(10, clock)
    cache.put("a", 1)
    clock.advance(10)
    assert cache.get("a", "no") == "no"
    assert len(cache) == 0


def test_put_again_starts_again(clock):
    cache = TTL(10, clock)
    cache.put("a", 1)
    clock.advance(6)
    cache.put("a", 2)
    clock.advance(6)
    assert cache.get("a") == 2


def test_purge(clock):
    cache = TTL(10, clock)
    cache.put("a", 1)
    clock.advance(5)
    cache.put("b", 2)
    clock.advance(5)
    assert cache.purge() == 1
    assert len(cache) == 1
