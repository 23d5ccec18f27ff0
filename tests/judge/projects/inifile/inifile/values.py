_TRUE = ("yes", "on", "true", "1")
_FALSE = ("no", "off", "false", "0")


def as_bool(text):
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(f"not a truth value: {text!r}")


def as_number(text):
    try:
        return int(text)
    except ValueError:
        return float(text)


def as_duration(text):
    """Return the seconds in a text such as 90, 90s, 5m or 2h."""
    text = text.strip().lower()
    if text.endswith("h"):
        return int(text[:-1]) * 3600
    if text.endswith("m"):
        return int(text[:-1]) * 60
    if text.endswith("s"):
        return int(text[:-1])
    return int(text)


def as_list(text):
    result = []
    for part in text.split(","):
        part = part.strip()
        if part != "":
            result.append(part)
    return result
