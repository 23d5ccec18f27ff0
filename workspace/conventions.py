"""How a project names its tests: pytest's own rules, and what the project's configuration changes in them."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, cast

_TEST_FOLDERS = frozenset({"tests", "test"})
_SUPPORT_NAMES = frozenset(
    {
        ".coveragerc",
        ".pytest.ini",
        ".pytest.toml",
        "conftest.py",
        "noxfile.py",
        "pyproject.toml",
        "pytest.ini",
        "pytest.toml",
        "setup.cfg",
        "sitecustomize.py",
        "tox.ini",
        "usercustomize.py",
    }
)
_DATA_FOLDERS = frozenset({"__snapshots__", "cassettes", "fixtures", "golden", "goldens", "snapshots", "testdata"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """pytest's settings of the same names; the defaults are pytest's."""

    python_files: tuple[str, ...] = ("test_*.py", "*_test.py")
    """Globs of file names; one with a slash is matched against the end of the path."""
    python_functions: tuple[str, ...] = ("test",)
    """Prefixes, or globs."""
    python_classes: tuple[str, ...] = ("Test",)
    """Prefixes, or globs."""
    testpaths: tuple[str, ...] = ()
    """Folders or files that pytest looks in when it is given none."""

    def is_test_file(self, path: str) -> bool:
        """Whether pytest collects tests from a file of this path, or unittest does: `tests.py`."""
        pure = PurePosixPath(path)
        if pure.suffix != ".py":
            return False
        return fnmatchcase(pure.name, "test*.py") or any(_matches_file(pure, glob) for glob in self.python_files)

    def is_function(self, name: str) -> bool:
        return _is_named(name, self.python_functions)

    def is_class(self, name: str) -> bool:
        return _is_named(name, self.python_classes)


DEFAULTS = Conventions()


def is_test_path(path: str) -> bool:
    """Whether a file is a test by convention: test_*.py, *_test.py, or Python under `tests` or `test`."""
    pure = PurePosixPath(path)
    if pure.suffix != ".py" or pure.name in _SUPPORT_NAMES:
        return False
    return DEFAULTS.is_test_file(path) or not _TEST_FOLDERS.isdisjoint(pure.parts[:-1])


def is_test_support(path: str) -> bool:
    """Whether a file decides how tests run or what they expect: configuration, conftest.py, data of the tests."""
    pure = PurePosixPath(path)
    if pure.name in _SUPPORT_NAMES or pure.suffix == ".pth":
        return True
    folders = pure.parts[:-1]
    if not _DATA_FOLDERS.isdisjoint(folders):
        return True
    return pure.suffix != ".py" and not _TEST_FOLDERS.isdisjoint(folders)


def read_conventions(root: Path) -> Conventions:
    """What the project's pytest configuration says, from the file that pytest would take; defaults for the rest.

    A file that cannot be read or understood changes nothing: pytest itself will say what is wrong with it.
    """
    for settings in _configured(root):
        if settings is not None:
            return _conventions(settings)
    return DEFAULTS


def _conventions(settings: dict[str, Any]) -> Conventions:
    found = DEFAULTS
    for name in ("python_files", "python_functions", "python_classes", "testpaths"):
        value = settings.get(name)
        words: list[str] = []
        if isinstance(value, str):
            try:
                words = shlex.split(value)
            except ValueError:
                words = value.split()
        elif isinstance(value, list):
            words = [word for word in cast("list[object]", value) if isinstance(word, str)]
        if words:
            found = replace(found, **{name: tuple(words)})
    return found


def _configured(root: Path) -> Iterator[dict[str, Any] | None]:
    """pytest's settings in each place, in pytest's order; None where a place has none."""
    for name in ("pytest.toml", ".pytest.toml"):
        yield _toml(root / name, "pytest")
    for name in ("pytest.ini", ".pytest.ini"):
        yield _ini(root / name, "pytest", even_without_section=True)
    yield _toml(root / "pyproject.toml", "tool", "pytest", "ini_options")
    yield _toml(root / "pyproject.toml", "tool", "pytest")
    yield _ini(root / "tox.ini", "pytest")
    yield _ini(root / "setup.cfg", "tool:pytest")


def _toml(file: Path, *tables: str) -> dict[str, Any] | None:
    try:
        found: object = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    for table in tables:
        found = _member(found, table)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _member(table: object, key: str) -> object:
    return cast("dict[str, object]", table).get(key) if isinstance(table, dict) else None


def _ini(file: Path, section: str, *, even_without_section: bool = False) -> dict[str, Any] | None:
    parser = configparser.RawConfigParser(inline_comment_prefixes=("#", ";"), strict=False)
    try:
        parser.read_string(file.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return None
    if parser.has_section(section):
        return dict(parser.items(section))
    return {} if even_without_section else None


def _matches_file(path: PurePosixPath, glob: str) -> bool:
    # pytest matches a glob without a slash against the name alone, and one with a slash against the whole path.
    return fnmatchcase(f"/{path}", f"*/{glob}") if "/" in glob else fnmatchcase(path.name, glob)


def _is_named(name: str, wanted: tuple[str, ...]) -> bool:
    return any(name.startswith(word) or (set(word) & set("*?[") and fnmatchcase(name, word)) for word in wanted)
