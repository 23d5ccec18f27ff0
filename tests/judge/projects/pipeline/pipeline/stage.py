class Stage:
    """One stage while it runs: its number, counted from 1, and what it has noted."""

    def __init__(self, pipeline, name, number):
        self.pipeline = pipeline
        self.name = name
        self.number = number
        self.notes = []
        self.state = "new"

    def note(self, text):
        self.notes.append(text)

    def __enter__(self):
        self.state = "running"
        self.pipeline.watcher.tell("begin", self)
        return self

    def __exit__(self, kind, error, trace):
        self.state = "failed" if kind else "done"
        self.pipeline.watcher.tell("end", self)
        return False

    def __repr__(self):
        return f"<Stage {self.number} {self.name} {self.state}>"
