"""Put changed code into a process that has imported the old: functions get new code, in place. Loaded by search.py."""

import gc
import importlib.machinery
import os
import types


class Reload(Exception):
    """The change cannot be swapped in: what runs at import time differs."""


class Loaded:
    """The functions of a process by the code they came from, as it was when this was made."""

    def __init__(self, paths):
        self.functions = {}
        wanted = {real(path) for path in paths}
        names = {os.path.basename(path) for path in wanted}
        self.files = {real(path) for path in modules_files() if os.path.basename(path) in names}
        for thing in gc.get_objects():
            if type(thing) is types.FunctionType:
                code = thing.__code__
                path = code.co_filename
                if os.path.basename(path) in names and real(path) in wanted:
                    path = real(path)
                    self.functions.setdefault((path, code.co_name, code.co_firstlineno), []).append(thing)
        self.old = {}

    def swap(self, path, before, after):
        """What `restore` needs to undo it.

        :raises Reload: when only a fresh import would do.
        """
        path = real(path)
        new = compile(after, path, "exec", dont_inherit=True)
        if path not in self.files:
            return []  # not imported yet: an `Override` serves the new text when it is
        if path not in self.old:
            self.old[path] = compile(before, path, "exec", dont_inherit=True)
        changed = []
        compare(self.old[path], new, changed, False)
        undo = []
        for old, fresh, nested in changed:
            functions = self.functions.get((path, old.co_name, old.co_firstlineno), [])
            if not functions and not nested:
                self.restore(undo)
                raise Reload(old.co_name)
            for function in functions:
                before_swap = function.__code__
                if before_swap != old:
                    continue
                try:
                    function.__code__ = fresh
                except ValueError as error:  # another set of free variables
                    self.restore(undo)
                    raise Reload(old.co_name) from error
                undo.append((function, before_swap))
        return undo

    def restore(self, undo):
        for function, code in undo:
            function.__code__ = code


def compare(old, new, changed, nested):
    """Pair the code objects of two versions; whatever is executed at import time must be equal."""
    inner_old = [const for const in old.co_consts if isinstance(const, types.CodeType)]
    inner_new = [const for const in new.co_consts if isinstance(const, types.CodeType)]
    is_function = bool(old.co_flags & 0x2)  # CO_NEWLOCALS: not a module or a class body
    before = len(changed)
    if len(inner_old) == len(inner_new) and all(a.co_name == b.co_name for a, b in zip(inner_old, inner_new)):
        for a, b in zip(inner_old, inner_new):
            compare(a, b, changed, nested or is_function)
        same = own(old) == own(new)
    else:
        same = False
    if is_function:
        if not same or len(changed) > before:
            changed.append((old, new, nested))
    elif not same:
        raise Reload(old.co_name)


def own(code):
    """What a code object does by itself, without the code inside it and without line numbers."""
    consts = tuple((type(const), repr(const)) for const in code.co_consts if not isinstance(const, types.CodeType))
    return (
        code.co_code,
        consts,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_argcount,
        code.co_kwonlyargcount,
        getattr(code, "co_posonlyargcount", 0),
        code.co_flags,
        getattr(code, "co_exceptiontable", b""),
    )


class Override:
    """Serves `text` when the module in this file is imported from now on."""

    def __init__(self, path, text):
        path = real(path)
        self.loader = importlib.machinery.SourceFileLoader
        self.original = original = self.loader.get_code

        def get_code(loader, fullname):
            if real(loader.path) == path:
                return compile(text, loader.path, "exec", dont_inherit=True)
            return original(loader, fullname)

        self.loader.get_code = get_code

    def remove(self):
        self.loader.get_code = self.original


def modules_files():
    import sys

    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str):
            yield path


def real(path, known={}):  # noqa: B006 - a cache of as many entries as there are files
    if path not in known:
        known[path] = os.path.realpath(path)
    return known[path]
