"""From tokens to text that may be sent: whole characters, and nothing of what may become a stop."""

_BROKEN = "\ufffd"
_LONGEST = 256  # tokens that are decoded anew while no character ends; more are no text


class Decoding:
    """Turns tokens, one at a time, into pieces of text. A character that several tokens make up comes whole.

    Half a character at the end of a text is decoded as one replacement character, so all but that may be given out.
    """

    def __init__(self, tokenizer, *, skip_special_tokens):
        self._tokenizer = tokenizer
        self._skip = skip_special_tokens
        self._ids = []
        self._start = 0  # of what is decoded: some tokenizers write a word by what is before it
        self._whole = 0  # tokens up to which all characters were whole
        self._given = 0  # characters given out of what is decoded

    def add(self, token):
        self._ids.append(token)
        text = self._text()
        if text.endswith(_BROKEN) and len(self._ids) - self._start < _LONGEST:
            return self._take(text[:-1])
        piece = self._take(text)
        self._start, self._whole = self._whole, len(self._ids)
        self._given = len(self._text())
        return piece

    def rest(self):
        """What was held back, at the end: half a character is replaced."""
        return self._take(self._text())

    def _take(self, text):
        piece = text[self._given :]
        self._given = max(self._given, len(text))
        return piece

    def _text(self):
        ids = self._ids[self._start :]
        return self._tokenizer.decode(ids, skip_special_tokens=self._skip) if ids else ""


class Stops:
    """Cuts a text at the first of the stops, however its pieces fall."""

    def __init__(self, stops, *, keep):
        self._stops = stops
        self._keep = keep
        self._held = ""

    def add(self, piece):
        """What may be sent, and whether a stop was found."""
        text = self._held + piece
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            at, stop = min(found, key=lambda one: (one[0], -len(one[1])))
            self._held = ""
            return text[: at + len(stop)] if self._keep else text[:at], True
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :] if held else ""
        return text[: len(text) - held], False

    def rest(self):
        held, self._held = self._held, ""
        return held


def _overlap(text, stop):
    """Characters at the end of the text that a stop starts with."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
