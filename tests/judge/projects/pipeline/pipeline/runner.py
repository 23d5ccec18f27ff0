from pipeline.stage import Stage
from pipeline.watch import Watcher


class StageFailed(Exception):
    def __init__(self, stage):
        super().__init__(f"stage {stage.number} ({stage.name}) failed")
        self.stage = stage


class Pipeline:
    def __init__(self):
        self.watcher = Watcher()
        self.stages = []
        self._steps = []

    def add(self, name, function):
        self._steps.append((name, function))
        return self

    def stage(self, name):
        """Return a new stage, to be used in a with statement."""
        stage = Stage(self, name, len(self.stages))
        self.stages.append(stage)
        return stage

    def run(self, value, progress=None):
        """Send a value through every step; `progress(done, total)` is called after each."""
        total = len(self._steps)
        for done, (name, function) in enumerate(self._steps):
            with self.stage(name) as stage:
                try:
                    value = function(value)
                except ValueError as error:
                    raise StageFailed(stage) from error
            if progress is not None:
                progress(done, total)
        return value

    def each(self, values, callback):
        """Call back with the number, from 1 on, and the result of each value."""
        for number, value in enumerate(values, start=1):
            callback(number, self.run(value))
