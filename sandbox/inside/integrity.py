"""Notices when functions of the test library, or ones it stands on, are no longer the ones it started with."""

import sys
import types

_PREFIXES = ("_pytest", "pluggy", "unittest")
_SINGLE = ("builtins", "operator", "os", "pytest")
_REPLACED_BY_PYTEST = {("builtins", "breakpoint")}


class Integrity:
    """`begin` when the installed plugins are loaded (some of them patch pytest) and nothing of the project is."""

    def __init__(self):
        self.altered = lambda: []

    def begin(self):
        modules = [
            module
            for name, module in list(sys.modules.items())
            if isinstance(module, types.ModuleType) and (name in _SINGLE or name.split(".")[0] in _PREFIXES)
        ]
        before, kept = {}, []  # kept: holds the values, so that no id is used twice
        for owner, name, value in entries(modules):
            before[id(owner), name] = mark(value)
            kept.append((owner, value))
        labels = {id(owner): label(owner) for owner, _ in kept}

        def altered():
            names = []
            for owner, name, value in entries(modules):
                known = before.get((id(owner), name))
                if known is not None and known != mark(value):
                    names.append(labels[id(owner)] + "." + name)
            return [name for name in names if tuple(name.split(".")) not in _REPLACED_BY_PYTEST][:20]

        self.altered = altered
        self._kept = kept


def entries(modules):
    for module in modules:
        for name, value in list(vars(module).items()):
            yield module, name, value
            if isinstance(value, type) and value.__module__ == module.__name__:
                for attribute, inner in list(vars(value).items()):
                    yield value, attribute, inner


def mark(value):
    """Equal as long as it is the same function with the same code; None for what is no function or class."""
    value = getattr(value, "__func__", value)
    if isinstance(value, types.FunctionType):
        return (id(value), id(value.__code__), id(value.__defaults__))
    if isinstance(value, (type, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)):
        return (id(value),)
    return None


def label(owner):
    return owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__ + "." + owner.__qualname__
