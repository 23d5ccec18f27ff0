"""Which changed functions each test executes. Loaded by tests.py.

Between a test's set-up and its tear-down: importing a module or collecting tests executes nothing on behalf of a
test. On Python 3.12 and later by sys.monitoring (PEP 669), before by the profiler of the standard library: both
see calls in C, where a trace function in Python would slow a suite down several times.
"""

import sys
import threading


def tracer(watch):
    """`watch` maps a file to [first line, last line, qualified name] of each changed function, 1-based."""
    if not watch:
        return Untraced()
    return Monitored(watch) if hasattr(sys, "monitoring") else Profiled(watch)


class Untraced:
    def begin(self):
        pass

    def end(self):
        return [], True


def touches(code, watch):
    """Pairs of (file, name) that this code object stands for; a file's name is empty for any function of it."""
    spans = watch.get(code.co_filename)
    if spans is None or code.co_name == "<module>":
        return
    yield code.co_filename, ""
    for first, last, name in spans:
        if first <= code.co_firstlineno <= last:
            yield code.co_filename, name


class Profiled:
    """Main thread by the C profiler; other threads by a trace function, since it follows one thread alone."""

    def __init__(self, watch):
        import _lsprof

        self.watch = watch
        self.profiler = _lsprof.Profiler(subcalls=False, builtins=False)
        self.elsewhere = set()

    def begin(self):
        self.elsewhere.clear()
        threading.settrace(self.on_call)
        self.profiler.clear()
        self.profiler.enable()

    def on_call(self, frame, event, arg):
        self.elsewhere.update(touches(frame.f_code, self.watch))

    def end(self):
        intact = sys.getprofile() is self.profiler
        self.profiler.disable()
        threading.settrace(None)
        touched = set(self.elsewhere)
        for entry in self.profiler.getstats():
            if not isinstance(entry.code, str):
                touched.update(touches(entry.code, self.watch))
        return sorted(touched), intact


class Monitored:
    """Each code object calls back once a test, then not again until the next begins."""

    tool = 4  # not one of the ids that debuggers, coverage, profilers and optimisers take

    def __init__(self, watch):
        self.watch = watch
        self.touched = set()
        self.events = sys.monitoring.events.PY_START
        sys.monitoring.use_tool_id(self.tool, "assay")
        sys.monitoring.register_callback(self.tool, self.events, self.on_start)

    def on_start(self, code, offset):
        self.touched.update(touches(code, self.watch))
        return sys.monitoring.DISABLE

    def begin(self):
        self.touched.clear()
        sys.monitoring.set_events(self.tool, self.events)
        sys.monitoring.restart_events()

    def end(self):
        intact = sys.monitoring.get_events(self.tool) == self.events
        sys.monitoring.set_events(self.tool, 0)
        return sorted(self.touched), intact
