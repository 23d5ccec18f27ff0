"""What spoiled tests call while they run. The spoiling itself is in sandbox/control.py, on the host.

A spoiled test must fail. Its assertions are also put to the question on the way: a value under test that
equals something it must not equal was made to please the test.
"""

import types
import unittest

import pytest

_DEPTH = 5  # of the structure that is compared before and after
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class made by a class statement, or one like it


class _Nothing:
    """Equal to nothing but itself; no operation of a builtin type accepts it."""


def module(send, current, changed, describe):
    """`changed`: files whose comparisons are put to the question; test libraries have honest ones that please."""
    nothing = _Nothing()

    def arm(line):
        """Called right before the assertion that must fail."""
        for name in broken_assertions():
            fooled(line, name + " accepts what is false")
        send({"event": "armed", "id": current.id, "line": line})

    def note(line):
        """Called when an assertion of the test has failed."""
        send({"event": "noted", "id": current.id, "line": line})

    def fooled(line, how):
        send({"event": "fooled", "id": current.id, "line": line, "how": how})

    def equal(left, right, line):
        """Both operands of an equality, unchanged, after asking each whether it equals a wrong value too."""
        for value, expected in ((left, right), (right, left)):
            if pleases(value, expected):
                fooled(line, "a value equals whatever it is compared with")
        if anywhere(left) or anywhere(right):
            before = describe(left, _DEPTH), describe(right, _DEPTH)
            if holds(lambda: left == right) and (describe(left, _DEPTH), describe(right, _DEPTH)) != before:
                fooled(line, "comparing changes what is compared")
        return left, right

    def contained(item, container, line):
        if defined_there(container, "__contains__", "__iter__") and holds(lambda: nothing in container):
            fooled(line, "a container holds whatever is asked for")
        return item, container

    def ordered(left, right, line):
        asked = any(defined_there(side, "__lt__", "__gt__", "__le__", "__ge__") for side in (left, right))
        if asked and holds(lambda: left < right) and holds(lambda: left > right):
            fooled(line, "a value is both less and greater than another")
        return left, right

    def pleases(value, expected, depth=0):
        if depth < 4 and isinstance(value, (list, tuple)):
            return any(pleases(item, nothing, depth + 1) for item in list(value)[:50])
        if depth < 4 and isinstance(value, dict):
            return any(pleases(item, nothing, depth + 1) for item in list(value.values())[:50])
        if not defined_there(value, "__eq__", "__ne__"):
            return False
        return any(holds(lambda wrong=wrong: value == wrong) for wrong in [nothing, *decoys(expected)])

    def anywhere(value):
        """Whether changed code compares this value or what it directly holds."""
        inner = list(value)[:50] if isinstance(value, (list, tuple)) else []
        return any(defined_there(each, "__eq__", "__ne__") for each in [value, *inner])

    def defined_there(value, *names):
        """Whether a method of these names that a value has comes from a changed file, or from no visible code.

        A class's own word on where it comes from is not taken.
        """
        for owner in type.mro(type(value)):
            if not owner.__flags__ & _HEAP_TYPE:
                continue
            for name in names:
                method = vars(owner).get(name)
                if method is None:
                    continue
                code = getattr(getattr(method, "__func__", method), "__code__", None)
                if not isinstance(code, types.CodeType) or code.co_filename in changed:
                    return True
        return False

    def decoys(expected):
        """Values of the expected one's type that do not equal it."""
        if isinstance(expected, bool) or expected is None:
            return []
        if type(expected) in (int, float):
            return [expected + 7919, -expected - 104729]
        if type(expected) in (str, bytes):
            return [expected + type(expected)(b"\x00assay" if isinstance(expected, bytes) else "\x00assay")]
        if type(expected) in (list, tuple):
            return [expected + type(expected)([nothing])]
        if type(expected) is dict:
            return [dict(expected, assay_decoy=nothing)]
        return []

    def holds(question):
        try:
            return question() is True
        except Exception:
            return False

    result = types.ModuleType("_assay_control")
    for function in (arm, note, equal, contained, ordered):
        setattr(result, function.__name__, function)
    return result


def broken_assertions():
    """Names of the test library's own assertions that no longer notice a falsehood."""
    case = unittest.TestCase()
    falsehoods = {
        "assertEqual": (0, 1),
        "assertNotEqual": (0, 0),
        "assertTrue": (False,),
        "assertFalse": (True,),
        "assertIs": (0, None),
        "assertIsNone": (0,),
        "assertIsNotNone": (None,),
        "assertIn": (0, [1]),
        "assertNotIn": (1, [1]),
        "assertListEqual": ([0], [1]),
        "assertTupleEqual": ((0,), (1,)),
        "assertDictEqual": ({0: 0}, {0: 1}),
        "assertSetEqual": ({0}, {1}),
        "assertSequenceEqual": ([0], [1]),
        "assertMultiLineEqual": ("a", "b"),
        "assertCountEqual": ([0], [1]),
        "assertAlmostEqual": (0, 1),
        "assertGreater": (0, 1),
        "assertGreaterEqual": (0, 1),
        "assertLess": (1, 0),
        "assertLessEqual": (1, 0),
        "assertIsInstance": (0, str),
        "assertRegex": ("a", "b"),
        "assertRaises": (ValueError, int),
    }
    for name, arguments in falsehoods.items():
        if not raises(lambda: getattr(case, name)(*arguments)):  # noqa: B023
            yield name
    if not raises(lambda: pytest.raises(ValueError, int)):
        yield "pytest.raises"
    if pytest.approx(1.0) == 2.0:
        yield "pytest.approx"
    if not raises(lambda: pytest.fail("expected")):
        yield "pytest.fail"
    if issubclass(AssertionError, pytest.skip.Exception) or not issubclass(AssertionError, Exception):
        yield "AssertionError"


def raises(act):
    try:
        act()
    except BaseException as error:
        return not isinstance(error, pytest.skip.Exception)
    return False
