"""Which functions an edit changes, by meaning."""

from __future__ import annotations

import pytest

from sandbox.units import MODULE, changed_units, same_meaning, with_moves

_BASE = b"""
import os

LIMIT = 3

class Cart:
    size = 1

    def total(self, items):
        return sum(items)

def helper(x):
    '''Doc.'''
    return x
"""


def check(after: bytes, expected: set[tuple[str, bool]], before: bytes | None = _BASE) -> None:
    units = changed_units("cart.py", before, after)
    assert {(unit.name, unit.existed) for unit in units} == expected


def test_a_changed_method_is_one_unit() -> None:
    check(_BASE.replace(b"sum(items)", b"sum(items) + 1"), {("Cart.total", True)})


def test_docstrings_annotations_comments_and_layout_mean_nothing() -> None:
    after = _BASE.replace(b"'''Doc.'''", b"'''Other.'''").replace(b"(x):", b"(x: int) -> int:  # a comment\n")
    check(after, set())
    assert same_meaning(_BASE, after)


def test_a_constant_and_a_class_attribute_are_module_level() -> None:
    check(_BASE.replace(b"LIMIT = 3", b"LIMIT = 4"), {(MODULE, True)})
    check(_BASE.replace(b"size = 1", b"size = 2"), {(MODULE, True)})


def test_a_new_function_did_not_exist() -> None:
    check(_BASE + b"def more():\n    return 1\n", {("more", False)})


def test_a_deleted_function_is_a_change_of_its_module() -> None:
    check(_BASE[: _BASE.index(b"def helper")], {(MODULE, True)})


def test_a_function_made_a_lambda_is_still_that_function() -> None:
    after = _BASE[: _BASE.index(b"def helper")] + b"helper = lambda x: x + 1\n"
    check(after, {("helper", True), (MODULE, True)})


def test_the_first_line_is_that_of_the_code_object() -> None:
    source = b"import functools\n\n@functools.cache\ndef f():\n    return 1\n"
    namespace: dict[str, object] = {}
    exec(source.replace(b"@functools.cache\n", b"@(lambda g: g)\n"), namespace)
    (unit,) = [unit for unit in changed_units("a.py", None, source) if unit.name == "f"]
    assert unit.first == namespace["f"].__code__.co_firstlineno  # type: ignore[attr-defined]


def test_a_function_that_moves_and_changes_is_no_new_one() -> None:
    gone = _BASE[: _BASE.index(b"def helper")]
    moved, wrong = b"def helper(x):\n    return x\n", b"def helper(x):\n    return -x\n"
    for content, existed in ((moved, False), (wrong, True)):
        units = changed_units("new.py", None, content)
        (unit,) = [u for u in with_moves(units, [(_BASE, gone), (None, content)]) if u.name == "helper"]
        assert unit.existed is existed


@pytest.mark.parametrize("broken", [b"def (", b"\0", None])
def test_what_is_no_python_has_no_units(broken: bytes | None) -> None:
    assert changed_units("a.py", _BASE, broken) == ()
