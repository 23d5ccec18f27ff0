import time


class TTL:
    """Values that go after `seconds`."""

    def __init__(self, seconds, clock=time.monotonic):
        self._seconds = seconds
        self._clock = clock
        self._values = {}

    def put(self, key, value):
        self._values[key] = (self._clock() + self._seconds, value)

    def get(self, key, default=None):
        entry = self._values.get(key)
        if entry is None:
            return default
        deadline, value = entry
        if self._clock() >= deadline:
            del self._values[key]
            return default
        return value

    def purge(self):
        """Drop what is too old and return how many went."""
        now = self._clock()
        old = [key for key, (deadline, _) in self._values.items() if now >= deadline]
        for key in old:
            del self._values[key]
        return len(old)

    def __len__(self):
        return len(self._values)
