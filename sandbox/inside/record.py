"""The calls that tests make to changed functions, with their arguments, for the replay. Loaded by tests.py."""

import pickle
import sys
import threading
import time

_CALLS_PER_FUNCTION = 12
_CALL_BYTES = 60_000
_SECONDS = 20.0  # of tests; a trace function slows them down
_GENERATOR_LIKE = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
_VARARGS, _VARKEYWORDS = 0x04, 0x08


class Recorder:
    """`watch` as in trace.py. Has the same methods, and touches nothing."""

    def __init__(self, watch, send):
        self.watch, self.send = watch, send
        self.counts, self.seen = {}, set()
        self.pickling = False
        self.spent = self.started = 0.0

    def begin(self):
        self.started = time.perf_counter()
        if self.spent < _SECONDS:
            threading.settrace(self.on_call)
            sys.settrace(self.on_call)

    def end(self):
        sys.settrace(None)
        threading.settrace(None)
        self.spent += time.perf_counter() - self.started
        return [], True

    def on_call(self, frame, event, arg):
        spans = self.watch.get(frame.f_code.co_filename)
        if spans is not None and not self.pickling:
            for first, _, name in spans:
                if frame.f_code.co_firstlineno == first:
                    self.keep(frame, name)

    def keep(self, frame, name):
        code = frame.f_code
        if code.co_flags & _GENERATOR_LIKE or self.counts.get(code, 0) >= _CALLS_PER_FUNCTION:
            return
        self.counts[code] = self.counts.get(code, 0) + 1
        self.pickling = True  # pickling runs code of the arguments' classes
        try:
            blob = pickle.dumps(arguments(frame), protocol=4)
        except Exception:
            return
        finally:
            self.pickling = False
        if len(blob) <= _CALL_BYTES and (code, blob) not in self.seen:
            self.seen.add((code, blob))
            module = frame.f_globals.get("__name__")
            self.send({"event": "call", "module": module, "name": name, "args": blob.hex()})


def arguments(frame):
    """(positional, keywords) as they came in."""
    code, local = frame.f_code, frame.f_locals
    names = code.co_varnames
    position = code.co_argcount + code.co_kwonlyargcount
    positional = [local[name] for name in names[: code.co_argcount]]
    keywords = {name: local[name] for name in names[code.co_argcount : position]}
    if code.co_flags & _VARARGS:
        positional += local[names[position]]
        position += 1
    if code.co_flags & _VARKEYWORDS:
        keywords.update(local[names[position]])
    return positional, keywords
