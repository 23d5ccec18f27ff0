"""Which lines of the workspace each test executes. Loaded by observe.py.

Both ways count lines run between `begin` and `end` alone, so what importing a module runs does not count.
"""

import os
import sys
import threading


def tracer(root):
    """`sys.monitoring` where there is one (3.12), since it costs next to nothing once a line was seen."""
    return Monitor(root) if sys.version_info >= (3, 12) and sys.monitoring.get_tool(3) is None else Tracer(root)


class Tracer:
    def __init__(self, root):
        self.inside = Inside(root)
        self.seen = {}

    def begin(self):
        self.seen = seen = {}
        inside = self.inside

        def on_call(frame, event, arg):
            path = inside[frame.f_code.co_filename]
            if path is None:
                return None
            lines = seen.get(path)
            if lines is None:
                lines = seen[path] = set()

            def on_line(frame, event, arg):
                lines.add(frame.f_lineno)
                return on_line

            return on_line

        threading.settrace(on_call)
        sys.settrace(on_call)

    def end(self):
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        return self.seen


class Monitor:
    _TOOL = 3  # not used by debuggers, coverage tools, profilers or optimisers

    def __init__(self, root):
        self.inside = Inside(root)
        self.seen = {}
        monitoring = sys.monitoring
        monitoring.use_tool_id(self._TOOL, "assay")
        monitoring.register_callback(self._TOOL, monitoring.events.LINE, self.on_line)

    def on_line(self, code, line):
        path = self.inside[code.co_filename]
        if path is not None:
            self.seen.setdefault(path, set()).add(line)
        return sys.monitoring.DISABLE

    def begin(self):
        self.seen = {}
        sys.monitoring.restart_events()
        sys.monitoring.set_events(self._TOOL, sys.monitoring.events.LINE)

    def end(self):
        sys.monitoring.set_events(self._TOOL, 0)
        return self.seen


class Inside(dict):
    """A code object's file to its path relative to the root, or None when it lies outside or is none."""

    def __init__(self, root):
        super().__init__()
        self.root = os.path.join(root, "")

    def __missing__(self, filename):
        path = os.path.normpath(filename) if os.path.isabs(filename) else os.path.join(self.root, filename)
        found = None
        if path.startswith(self.root) and not filename.startswith("<"):
            relative = path[len(self.root) :]
            if os.path.isfile(path) and "site-packages" not in relative.split(os.sep):
                found = relative.replace(os.sep, "/")
        self[filename] = found
        return found
