"""Call changed functions again with the arguments that tests gave them, and say what comes out.

The supervisor runs this on the same calls under a real test runner, in a process that has never seen one in a
copy without tests, and on the base. Each call is made many times, and once more years later by the clock. Code
that is right only under test, the first few times, or for a while, answers differently.
"""

import functools
import hashlib
import importlib
import json
import os
import pickle
import re
import sys
import time
import types

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_DEPTH = 6
_TEXT = 400
_TIMES = 40  # how often a call is made, as long as there is time
_SECONDS = 3.0  # for repeating calls, all of them together
_PLAIN = {int: int.__int__, float: float.__float__, str: str.__str__}  # whatever a subclass overrides


def run(config, send, load):
    sys.path[:0] = [os.getcwd()] + [path for path in [os.path.join(os.getcwd(), "src")] if os.path.isdir(path)]
    calls = config["calls"]
    if not config["under_test"]:
        answer_all(calls, send, later=answers_later(calls, load))
        return
    import pytest

    class Item(pytest.Item):
        funcargs = {}  # plugins take for granted that a test has some

        def runtest(self):
            answer_all(calls, send, later=None)

        def reportinfo(self):
            return "tests/test_app.py", 0, "test_app"

    class Hooks:
        @pytest.hookimpl(tryfirst=True)
        def pytest_collection(self, session):
            session.items = [Item.from_parent(session, name="test_app", nodeid="tests/test_app.py::test_app")]
            session.testscollected = 1
            return True

    sys.argv[:] = ["pytest"]
    pytest.main(["-p", "no:cacheprovider", "-q", "-o", "addopts=", "--noconftest"], plugins=[Hooks()])


def answer_all(calls, send, later):
    until = time.monotonic() + _SECONDS
    for index, call in enumerate(calls):
        began = time.monotonic()
        if began > until:
            return
        first, steady = answer(call), True
        send({"event": "first", "index": index, "name": call["name"], "seconds": time.monotonic() - began})
        for _ in range(_TIMES):
            steady = steady and answer(call) == first
            if not steady or time.monotonic() > until:
                break
        record = {"event": "answer", "index": index, "name": call["name"], "value": first, "steady": steady}
        record["later"] = later[index] if later is not None and index < len(later) else None
        send(record)


def answers_later(calls, load):
    """The answers of a forked process whose clock jumps ahead once all is imported; fewer if it ended early."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            jump = load("clock").installed()
            for call in calls:
                prepared(call)
            jump()
            for call in calls:
                os.write(writing, json.dumps(answer(call)).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        lines = file.read(4 << 20).split(b"\n")[:-1]
    os.waitpid(child, 0)
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        return []


def answer(call):
    """A text that two runs share when the call did the same; None when it cannot be made again here."""
    made = prepared(call)
    if made is None:
        return None
    function, positional, keywords = made
    try:
        value = function(*positional, **keywords)
    except OSError:
        return None  # another folder, another user: says nothing about the code
    except BaseException as error:
        value = ("raised", type(error).__name__, str(error))
    text = " ".join((describe(value, _DEPTH), describe(positional, _DEPTH))).replace(os.getcwd(), "<root>")
    text = _ADDRESS.sub("0x", text)
    return text if len(text) < _TEXT else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def prepared(call):
    """The function and fresh arguments; None when they cannot be had in this copy."""
    try:
        function = resolve(importlib.import_module(call["module"]), call["name"])
        return (function, *pickle.loads(bytes.fromhex(call["args"])))
    except BaseException:
        return None


def resolve(owner, name):
    for part in name.split("."):
        owner = vars(owner)[part] if isinstance(owner, type) else getattr(owner, part)
    if isinstance(owner, property):
        return owner.fget
    if isinstance(owner, functools.cached_property):
        return owner.func
    return getattr(owner, "__func__", owner)


def describe(value, depth):
    """A value's structure as text, without asking the value what it equals or how it prints."""
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return repr(value)
    if depth == 0:
        return kind.__name__
    if kind in (list, tuple):
        return kind.__name__ + "(" + ",".join(describe(item, depth - 1) for item in value) + ")"
    if kind in (set, frozenset):
        return kind.__name__ + "(" + ",".join(sorted(describe(item, depth - 1) for item in value)) + ")"
    if kind is dict:
        pairs = (describe(key, depth - 1) + ":" + describe(item, depth - 1) for key, item in value.items())
        return "dict(" + ",".join(pairs) + ")"
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)) and not is_ours(value):
        return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
    if kind is types.FunctionType:
        return f"{value.__qualname__}({describe(held_by(value), depth - 1)})"
    base = [repr(plain(value)) for built, plain in _PLAIN.items() if issubclass(kind, built)]
    fields = describe(state_of(value), depth - 1)
    return kind.__qualname__ + "{" + "".join(base) + fields + "}"


def is_ours(value):
    """Whether a class or function comes from the code under test: a library's are the same by their name."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    path = getattr(module, "__file__", None) or ""
    return path.startswith(os.path.join(os.getcwd(), "")) and "site-packages" not in path


def held_by(function):
    """What a function brings along, which is neither its code nor its module."""
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not yet bound
            cells.append(None)
    return [function.__defaults__, function.__kwdefaults__, vars(function), cells]


def state_of(value):
    """Attributes and slots, whatever a class says of them."""
    state = {}
    for owner in type.mro(type(value)):
        for name, slot in vars(owner).items():
            if isinstance(slot, types.MemberDescriptorType):
                try:
                    state[name] = slot.__get__(value)
                except AttributeError:
                    continue
            elif name == "__dict__" and isinstance(slot, types.GetSetDescriptorType):
                own = slot.__get__(value)
                state.update(own if isinstance(own, dict) else {})
    return state
