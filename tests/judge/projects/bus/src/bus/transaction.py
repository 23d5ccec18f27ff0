class Transaction:
    """Changes to a dictionary that are undone when the block ends with an exception."""

    def __init__(self, target):
        self.target = target
        self._saved = None

    def __enter__(self):
        self._saved = dict(self.target)
        return self.target

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.target.clear()
            self.target.update(self._saved)
        self._saved = None
        return False
