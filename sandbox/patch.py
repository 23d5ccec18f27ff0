"""Read a patch into an `Edit`. The patch is hostile until proven otherwise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sandbox.errors import PatchRefused
from sandbox.workdir import working_folder
from workspace.edit import Edit, FileChange
from workspace.policy import Entry, Purpose, refusal
from workspace.project import Project

MAX_PATCH = 8 << 20
"""Bytes. A larger patch is no edit that a person would review."""

_PATHS = re.compile(rb"^(?:---|\+\+\+|rename from|rename to|copy from|copy to|diff --git) (.*)$", re.MULTILINE)
# Names without the prefixes of git's diffs (`a/`, `b/`, or others for the index and the like).
_BARE_NAME = re.compile(
    rb'^(?:(?:---|diff --git) (?!"?[aic1]/|/dev/null)|\+\+\+ (?!"?[biw2]/|/dev/null))', re.MULTILINE
)
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_SPECIAL_MODE = re.compile(
    rb"^(?:(?:new file mode|new mode|old mode|deleted file mode) |index \S+ )(?!100(?:644|755)\r?$)\d+\r?$",
    re.MULTILINE,
)
_BINARY = re.compile(rb"^(?:GIT binary patch|Binary files .* differ)\r?$", re.MULTILINE)


def edit_from_patch(patch: bytes, project: Project, *, title: str = "") -> Edit:
    """The whole files that the patch makes of the project's.

    `git apply` applies it to a copy of the files it names, and the edit is what differs afterwards: there is no
    second parser that could disagree with git's. Plain `diff -u` output works too.

    :raises PatchRefused: when it does not apply, or reaches outside the workspace or where no edit may go.
    """
    if len(patch) > MAX_PATCH:
        raise PatchRefused(f"the patch is larger than {MAX_PATCH >> 20} MB; split it")
    if not patch.strip():
        raise PatchRefused("the patch is empty")
    headers = _headers(patch)
    if _SPECIAL_MODE.search(headers):
        raise PatchRefused("the patch makes something else than a regular file (a link, a submodule, special rights)")
    if _BINARY.search(headers):
        raise PatchRefused("the patch has binary content, which nobody can review; leave that part out")
    for line in _PATHS.findall(headers):
        _refuse_names(re.split(rb"[\t ]", line))
    with working_folder() as folder:
        tree = folder / "tree"
        tree.mkdir()
        for path in project.files:
            _copy(project, path, tree)
        before = _contents(tree)
        _git_apply(patch, tree, folder, ("-p1", "-p0") if _BARE_NAME.search(headers) else ("-p1",))
        after = _contents(tree)
    changes = tuple(
        FileChange(path=path, before=before.get(path), after=after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )
    if not changes:
        raise PatchRefused("the patch changes nothing")
    for change in changes:
        if not change.path.isprintable() or change.path != change.path.strip():
            raise PatchRefused(f"the patch names {change.path!r}, which cannot be told from other names by eye")
        _refuse_names([change.path.encode("utf-8", "surrogateescape")])
        if (why := why_untouchable(change.path)) is not None:
            raise PatchRefused(f"{change.path} {why}, and no edit may touch that")
        if change.before is None and os.path.lexists(project.root / change.path):
            raise PatchRefused(f"{change.path} exists but is left out of the sandbox, so it cannot be edited here")
    return Edit(changes=changes, title=title)


def why_untouchable(path: str) -> str | None:
    """Why no edit may touch a path (environments, version control, caches, secrets); None when it may."""
    folders = list(Path(path).parents)[-2::-1]
    entries = [*(Entry(path=folder.as_posix(), is_folder=True) for folder in folders), Entry(path=path)]
    reasons = [reason for entry in entries if (reason := refusal(entry, Purpose.SANDBOX)) is not None]
    return reasons[0].value if reasons else None


def _headers(patch: bytes) -> bytes:
    """The lines outside hunks. Where git counts otherwise, it refuses the patch or the paths that come out of it."""
    lines: list[bytes] = []
    old = new = 0  # lines that are left of the hunk
    for line in patch.split(b"\n"):
        if old > 0 or new > 0:
            old -= line[:1] not in (b"+", b"\\")
            new -= line[:1] not in (b"-", b"\\")
        elif counts := _HUNK.match(line):
            old, new = (1 if count is None else int(count) for count in counts.groups())
        else:
            lines.append(line)
    return b"\n".join(lines)


def _refuse_names(names: Iterable[bytes]) -> None:
    """Names that no honest patch has; git refuses most of them too, with less clear words."""
    for name in names:
        parts = [part.lower() for part in re.split(rb"[/\\]", name.strip(b'"'))]
        if name != b"/dev/null" and (name.startswith(b"/") or b".." in parts or b".git" in parts):
            shown = name.decode("utf-8", "replace")
            raise PatchRefused(f"the patch names {shown!r}, which is outside what an edit may touch")


def _copy(project: Project, path: str, tree: Path) -> None:
    content = None if (project.root / path).is_symlink() else project.read(path)
    if content is not None:
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _git_apply(patch: bytes, tree: Path, folder: Path, strips: Iterable[str]) -> None:
    git = shutil.which("git")
    if git is None:
        raise PatchRefused("git was not found, and it is what reads patches; install git")
    file = folder / "patch"
    file.write_bytes(patch)
    # No configuration and no repository, nothing of the user's environment. The files may look like a bare
    # repository themselves (HEAD, config, objects, refs), whose configuration names programs that git would start.
    env = {"PATH": os.defpath, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
           "GIT_DIR": str(folder / "no-repository"), "LC_ALL": "C"}  # fmt: skip
    errors: list[str] = []
    for strip in strips:
        command = [git, "apply", "--whitespace=nowarn", strip, str(file)]
        try:
            done = subprocess.run(command, cwd=tree, env=env, capture_output=True, timeout=60, check=False)
        except subprocess.TimeoutExpired as error:
            raise PatchRefused("git took more than 60 s over the patch") from error
        if done.returncode == 0:
            return
        errors.append(done.stderr.decode("utf-8", "replace").strip())
    first = errors[0].splitlines()[0] if errors[0] else "git gave no reason"
    if "No valid patches in input" in first:
        first = "there is no diff in it"
    raise PatchRefused(f"the patch does not apply: {first.removeprefix('error: ')}")


def _contents(tree: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for parent, folders, files in os.walk(tree):
        for name in [*folders, *files]:
            path = Path(parent) / name
            if path.is_symlink():
                raise PatchRefused("the patch makes a symbolic link; only regular files can be edited")
        for name in files:
            path = Path(parent) / name
            found[path.relative_to(tree).as_posix()] = path.read_bytes()
    return found
