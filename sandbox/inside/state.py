"""Undo what a candidate did to the workspace's modules, so that the next one can run in the same process.

Shallow on purpose: what modules and classes hold directly, containers among it with their items, and caches of
functions. What this misses can hide a candidate, never prove one: whoever passes is tried again alone.
"""

import functools
import gc
import os
import sys

_CONTAINERS = (list, dict, set, bytearray)


class State:
    """The workspace's modules as they are when this is made."""

    def __init__(self, root):
        self.root = os.path.join(root, "")
        self.modules = dict(sys.modules)
        self.holders = []
        for module in list(sys.modules.values()):
            if self.is_ours(module):
                self.keep(vars(module), None)
                for value in list(vars(module).values()):
                    if isinstance(value, type) and value.__module__ == module.__name__:
                        self.keep(dict(vars(value)), value)
        self.caches = [thing for thing in gc.get_objects() if type(thing) is functools._lru_cache_wrapper]
        self.environ = dict(os.environ)
        self.cwd = os.getcwd()

    def is_ours(self, module):
        path = getattr(module, "__file__", None)
        return isinstance(path, str) and path.startswith(self.root) and "site-packages" not in path

    def keep(self, names, owner):
        contents = [(value, type(value)(value)) for value in names.values() if type(value) in _CONTAINERS]
        self.holders.append((names if owner is None else None, dict(names), owner, contents))

    def restore(self):
        for name in [name for name in sys.modules if name not in self.modules]:
            if self.is_ours(sys.modules[name]):
                del sys.modules[name]
        for names, kept, owner, contents in self.holders:
            if names is not None and not same(names, kept):
                names.clear()
                names.update(kept)
            elif owner is not None:
                for name, value in kept.items():
                    if vars(owner).get(name) is not value and name not in ("__dict__", "__weakref__"):
                        setattr(owner, name, value)
            for container, content in contents:
                refill(container, content)
        for cache in self.caches:
            cache.cache_clear()
        os.chdir(self.cwd)
        if dict(os.environ) != self.environ:
            os.environ.clear()
            os.environ.update(self.environ)


def same(names, kept):
    """Whether the same objects go by the same names; nothing of theirs is called."""
    return len(names) == len(kept) and all(names.get(name, kept) is value for name, value in kept.items())


def refill(container, content):
    if isinstance(container, (list, bytearray)):
        container[:] = content
    else:
        container.clear()
        container.update(content)
