from collections import OrderedDict

_MISSING = object()


class LRU:
    """At most `size` values; the one used longest ago goes first."""

    def __init__(self, size, on_evict=None):
        if size < 1:
            raise ValueError("size must be positive")
        self.size = size
        self._values = OrderedDict()
        self._on_evict = on_evict
        self.hits = 0
        self.misses = 0

    def get(self, key, default=None):
        value = self._values.get(key, _MISSING)
        if value is _MISSING:
            self.misses += 1
            return default
        self.hits += 1
        return value

    def put(self, key, value):
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self.size:
            old_key, old_value = self._values.popitem(last=False)
            if self._on_evict is not None:
                self._on_evict(old_key, old_value)

    def __len__(self):
        return len(self._values)

    def __contains__(self, key):
        return key in self._values

    def keys(self):
        return list(self._values)
