class Signal:
    """Callbacks that are called in the order in which they were connected."""

    def __init__(self):
        self._callbacks = []

    def connect(self, callback):
        self._callbacks.append(callback)
        return callback

    def disconnect(self, callback):
        self._callbacks.remove(callback)

    def once(self, callback):
        def wrapper(*args, **kwargs):
            self.disconnect(wrapper)
            return callback(*args, **kwargs)

        return self.connect(wrapper)

    def emit(self, *args, **kwargs):
        """Call everything connected at this moment and return the results."""
        results = []
        for callback in self._callbacks:
            results.append(callback(*args, **kwargs))
        return results

    def __len__(self):
        return len(self._callbacks)
