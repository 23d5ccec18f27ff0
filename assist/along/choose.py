"""Which tests touch a file: those that were seen to execute it, those named after it, those that import it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from sandbox.imports import importers
from sandbox.receipt import Receipt
from workspace.conventions import DEFAULTS, Conventions

_MOST_FILES = 20
"""Of tests that import it; a module that more of them import is not what was just worked on, but what all rests on."""
_MOST_TESTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    selection: tuple[str, ...] = ()
    """pytest node ids and files; empty when no test touches the file."""
    how: str = ""
    """itself, seen, name or import."""


def choose(
    path: str,
    sources: Mapping[str, bytes],
    seen: Collection[str] = (),
    conventions: Conventions = DEFAULTS,
) -> Choice:
    """The tests of a file that was saved.

    :param path: relative to the root, with forward slashes.
    :param sources: the project's Python files.
    :param seen: tests that an earlier run showed to execute it.
    """
    if path not in sources:
        return Choice()
    if conventions.is_test_file(path):
        return Choice(selection=(path,), how="itself")
    tests = [other for other in sorted(sources) if conventions.is_test_file(other)]
    named = tuple(other for other in tests if _is_named_after(other, path))
    if still := sorted(test for test in seen if test.partition("::")[0] in sources):
        # Of the files that are run whole, no single tests: pytest would run them twice.
        single = [test for test in still if test.partition("::")[0] not in named]
        return Choice(selection=(*named, *single[:_MOST_TESTS]), how="seen")
    reached = importers([path], sources)
    importing = tuple(other for other in tests if other in reached and other not in named)
    if named or importing:
        return Choice(selection=(*named, *importing)[:_MOST_FILES], how="name" if named else "import")
    return Choice()


def touched_by(receipt: Receipt) -> dict[str, frozenset[str]]:
    """The files of a receipt's edit, each with the tests that were seen to execute the edit."""
    tests = frozenset(test.id for test in receipt.tests if test.touches)
    if not tests or receipt.touched_by != "coverage":
        return {}
    lines = (line for line in receipt.diff.split("\n") if line.startswith("+++ b/"))
    return {line.removeprefix("+++ b/").partition("\t")[0]: tests for line in lines}


def _is_named_after(test: str, path: str) -> bool:
    name, stem = PurePosixPath(test).stem, PurePosixPath(path).stem
    stem = PurePosixPath(path).parent.name if stem == "__init__" else stem
    return bool(stem) and name in (f"test_{stem}", f"{stem}_test", f"test{stem}", f"test_{stem.lstrip('_')}")
