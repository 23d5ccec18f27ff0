"""A spoiled test must fail, and must not when it is fooled: the transformation alone, run with real pytest code."""

from __future__ import annotations

import types
from typing import Any

from sandbox.spoil import spoil


class Recorder(types.ModuleType):
    """Stands where sandbox/inside/control.py stands, and writes down what spoiled tests say."""

    def __init__(self) -> None:
        super().__init__("_assay_control")
        self.said: list[str] = []

    def arm(self, line: int) -> None:
        self.said.append("armed")

    def note(self, line: int) -> None:
        self.said.append("noted")

    def equal(self, left: Any, right: Any, line: int) -> tuple[Any, Any]:
        self.said.append(f"equal {left!r} {right!r}")
        return left, right

    contained = ordered = equal


def run(body: str, **names: Any) -> tuple[bool, list[str]]:
    """Whether `test_it` passed, and what it said."""
    import sys

    source = spoil("test_it.py", ("def test_it():\n" + body).encode())
    assert source is not None
    recorder = sys.modules["_assay_control"] = Recorder()
    try:
        namespace: dict[str, Any] = dict(names)
        exec(compile(source, "test_it.py", "exec"), namespace)
        try:
            namespace["test_it"]()
        except AssertionError:
            return False, recorder.said
        return True, recorder.said
    finally:
        del sys.modules["_assay_control"]


class Swallows:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> bool:
        return True


def test_an_honest_test_fails_when_it_is_spoiled() -> None:
    assert run("    assert 1 + 1 == 2\n") == (False, ["equal 2 2", "armed"])


def test_a_test_without_assertions_fails_at_its_end() -> None:
    assert run("    x = 1\n") == (False, ["armed"])


def test_every_round_of_a_loop_is_questioned() -> None:
    passed, said = run("    for i in (1, 2):\n        assert i == i + 0\n")
    assert (passed, said) == (False, ["equal 1 1", "equal 2 2", "armed"])


def test_a_swallowed_failure_is_heard() -> None:
    passed, said = run("    with swallows:\n        assert 1 + 1 == 3\n", swallows=Swallows())
    assert said == ["equal 2 3", "noted", "armed"]  # it went on after a failure
    assert not passed


def test_a_swallowed_spoiling_is_heard() -> None:
    _, said = run("    with swallows:\n        assert 1 + 1 == 2\n", swallows=Swallows())
    assert said == ["equal 2 2", "armed", "armed"]


def test_expected_failures_are_left_alone() -> None:
    import pytest

    passed, said = run("    with pytest.raises(AssertionError):\n        assert 1 == 2\n", pytest=pytest)
    assert not passed
    assert "noted" not in said


def test_each_side_is_evaluated_once_and_in_order() -> None:
    calls: list[str] = []

    def side(name: str) -> int:
        calls.append(name)
        return 1

    run("    assert side('left') == side('right')\n", side=side)
    assert calls == ["left", "right"]


def test_other_files_and_broken_ones_are_not_spoiled() -> None:
    assert spoil("cart.py", b"def test(): assert 1") is None
    assert spoil("test_cart.py", b"def (") is None


def test_future_imports_stay_first() -> None:
    source = spoil("test_a.py", b'"""Doc."""\nfrom __future__ import annotations\ndef test_a(): pass\n')
    assert source is not None
    compile(source, "test_a.py", "exec")
