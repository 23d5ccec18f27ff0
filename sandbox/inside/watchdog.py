"""An audit hook (PEP 578) that reports when changed code reaches into the interpreter or the test runner.

Audit hooks cannot be removed, and the report goes out before the act. Only acts whose calling code lies in a
file that the candidate changed count: libraries do these things for honest reasons.
"""

import os
import sys

_REACHING = {
    "sys._getframe": "looks at the call stack",
    "sys._current_frames": "looks at other threads' stacks",
    "gc.get_objects": "searches the memory of the process",
    "gc.get_referrers": "searches the memory of the process",
    "gc.get_referents": "searches the memory of the process",
    "sys.settrace": "installs a trace function",
    "sys.setprofile": "installs a profile function",
    "sys.addaudithook": "installs an audit hook",
    "object.__setattr__": "replaces the code of a function",
    "code.__new__": "makes code objects",
    "ctypes.dlopen": "uses ctypes",
    "ctypes.dlsym": "uses ctypes",
    "ctypes.addressof": "uses ctypes",
    "ctypes.string_at": "uses ctypes",
}
_AT_IMPORT = {
    "os.fork": "starts a process when it is imported",
    "os.posix_spawn": "starts a process when it is imported",
    "os.system": "starts a process when it is imported",
    "subprocess.Popen": "starts a process when it is imported",
}
_SPAWNING = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system")
_MOVES = ("os.remove", "os.rename", "os.truncate", "os.chmod", "os.link", "os.symlink")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND
_IMPORTS = ("_pytest", "pytest", "pluggy", "_assay_control")
_THROUGH = (
    "pathlib.py",
    "shutil.py",
    "tempfile.py",
    "codecs.py",
    "inspect.py",
    "threading.py",
    "_thread.py",
    "subprocess.py",
    "ctypes/__init__.py",
    "importlib/__init__.py",
    "<frozen importlib._bootstrap>",
)
_LIMIT = 50


def watch(root, changed, data, send, current):
    """`changed`: files whose acts are reported. `data`: files whose opening counts as touching the change.

    `root`: writing to source below it is such an act, whether or not it succeeds.
    """
    changed, data = frozenset(changed), frozenset(data)
    busy, sent = [False], set()
    getframe, abspath = sys._getframe, os.path.abspath

    def report(record):
        key = tuple(sorted(record.items()))
        if key not in sent and len(sent) < _LIMIT:
            sent.add(key)
            send(record)

    def hook(event, args):
        if busy[0]:
            return
        if event in _SPAWNING:
            current.spawned = True
        if event == "open":
            if not isinstance(args[0], str) or not (data or args[2] & _WRITING and args[0].endswith(".py")):
                return
        elif event in _MOVES:
            if not (isinstance(args[0], str) and args[0].endswith(".py")):
                return
        elif event == "import":
            if args[0].partition(".")[0] not in _IMPORTS:
                return
        elif event not in _REACHING and event not in _AT_IMPORT:
            return
        busy[0] = True
        try:
            look(event, args, getframe(1))
        finally:
            busy[0] = False

    def look(event, args, frame):
        if event == "open" and abspath(args[0]) in data:
            report({"event": "opened", "id": current.id, "path": abspath(args[0])})
        while frame is not None and frame.f_code.co_filename.endswith(_THROUGH):
            frame = frame.f_back
        if frame is None or frame.f_code.co_filename not in changed:
            return
        if event in _AT_IMPORT and frame.f_code.co_name != "<module>":
            return
        act = _REACHING.get(event) or _AT_IMPORT.get(event)
        if event == "open" or event in _MOVES:
            if not abspath(args[0]).startswith(root) or (event == "open" and not args[2] & _WRITING):
                return
            act = "changes source files"
        act = act or "imports %s" % args[0]
        report({"event": "reach", "id": current.id, "path": frame.f_code.co_filename, "act": act})

    if changed or data:
        sys.addaudithook(hook)
