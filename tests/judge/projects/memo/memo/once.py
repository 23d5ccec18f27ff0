import threading


class Once:
    """Calls a function once per key, whatever the number of threads that ask."""

    def __init__(self, function):
        self._function = function
        self._results = {}
        self._lock = threading.Lock()

    def __call__(self, key):
        with self._lock:
            if key not in self._results:
                self._results[key] = self._function(key)
            return self._results[key]
