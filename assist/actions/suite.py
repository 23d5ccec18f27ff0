"""Which file the tests of a module go into, and what is there already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from assist.actions.ask import shown_to_model
from assist.observe import mentioning
from workspace.conventions import read_conventions
from workspace.policy import Purpose
from workspace.project import Project
from workspace.tests import is_test_path
from workspace.walk import why_not

_SHOWN = 16_000  # characters of existing tests


def suite_for(project: Project, path: str) -> str:
    """The file that tests this module by its name, else the one that pytest would find it in."""
    stem = PurePosixPath(path).stem
    wanted = (f"test_{stem}.py", f"{stem}_test.py")
    for found in mentioning(project, path):
        if PurePosixPath(found).name in wanted and _may_change(project, found):
            return found
    folder = _folder(project, path)
    return f"{folder}/test_{stem}.py" if folder else f"test_{stem}.py"


def shown_of(content: bytes | None) -> str:
    """As much of the existing tests as a model is shown: the beginning, where the fixtures are, and the end."""
    text = shown_to_model((content or b"").decode("utf-8", "replace").replace("\r\n", "\n")).rstrip("\n")
    if len(text) <= _SHOWN:
        return text
    half = _SHOWN // 2
    return f"{text[:half]}\n# […]\n{text[-half:]}"


def alone(project: Project, test_path: str) -> Project:
    """The project without the test files that this one has no part in, so that only its own tests are run."""
    text = project.read(test_path) or b""

    def is_needed(path: str) -> bool:
        pure = PurePosixPath(path)
        is_test = pure.name.startswith("test_") or pure.name.endswith("_test.py")
        return path == test_path or not (is_test and is_test_path(path)) or pure.stem.encode() in text

    return replace(project, files=tuple(path for path in project.files if is_needed(path)))


def _folder(project: Project, path: str) -> str:
    """Where most tests are that are near: a folder `tests` beside or above the module, else the module's own."""
    for place in PurePosixPath(path).parents:
        for name in ("tests", "test"):
            folder = (place / name).as_posix()
            if any(other.startswith(f"{folder}/") for other in project.files):
                return folder
    configured = [folder.strip("/") for folder in read_conventions(project.root).testpaths]
    if configured and not configured[0].endswith(".py") and ".." not in configured[0]:
        return "" if configured[0] == "." else configured[0].removeprefix("./")
    if any(is_test_path(other) for other in project.files):
        return PurePosixPath(path).parent.as_posix().removeprefix(".")
    return "tests"


def _may_change(project: Project, path: str) -> bool:
    return why_not(project.root, path, Purpose.READ) is None
