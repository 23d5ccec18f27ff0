class Watcher:
    """Calls back on events; callbacks get the event's name and the stage."""

    def __init__(self):
        self._callbacks = {}

    def on(self, event, callback):
        self._callbacks.setdefault(event, []).append(callback)

    def tell(self, event, stage):
        for callback in self._callbacks.get(event, ()):
            callback(event, stage)
