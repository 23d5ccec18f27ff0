"""The ignore rules that hold in one folder: its own files', and those of every folder around it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workspace import ignore
from workspace.root import repository_of
from workspace.tracked import Tracked

AI_FILES = (".aiignore", ".cursorignore")
"""Each is a set of rules of its own: a `!` in one does not bring back what the other leaves out."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """The rules of one ignore file, and how a path from the root becomes one from that file's folder."""

    rules: ignore.Rules
    cut: int = 0
    prefix: bytes = b""

    def verdict(self, path: bytes, name: bytes, is_folder: bool) -> bool | None:
        return self.rules.verdict(self.prefix + path[self.cut :], name, is_folder)


_Chain = tuple[_Placed, ...]  # outermost first; the innermost that speaks of an entry decides


@dataclass(frozen=True, slots=True)
class _Repository:
    tracked: Tracked
    cut: int = 0
    prefix: bytes = b""


@dataclass(frozen=True, slots=True)
class FolderRules:
    git: _Chain = ()
    ai: tuple[_Chain, ...] = ((),) * len(AI_FILES)
    repository: _Repository = field(default_factory=lambda: _Repository(Tracked(None)))

    def git_ignores(self, path: str, is_folder: bool) -> bool:
        """Whether git's rules name this entry of the folder."""
        return _ignored(self.git, path, is_folder)

    def is_tracked(self, path: str) -> bool:
        """Whether git tracks this file, or one in this folder, whatever the rules say."""
        place = self.repository
        return place.tracked.holds(place.prefix + os.fsencode(path)[place.cut :])

    def ai_ignores(self, path: str, is_folder: bool) -> bool:
        """Whether `.aiignore` or `.cursorignore` names this entry of the folder."""
        return any(_ignored(chain, path, is_folder) for chain in self.ai)

    def within(self, root: Path, path: str, has: Callable[[str], bool]) -> FolderRules:
        """The rules in a folder, given those of the folder around it.

        :param path: the folder's, relative to the root; "" for the root itself.
        :param has: whether the folder has an entry of this name.
        """
        cut = len(os.fsencode(path)) + 1 if path else 0
        git, ai, repository = self.git, self.ai, self.repository
        if path and has(".git"):  # a repository inside the repository has rules and files of its own
            git = _excludes(root / path / ".git", cut)
            repository = _Repository(Tracked(root / path / ".git"), cut)
        if has(".gitignore"):
            git += _place(_git_rules(root / path / ".gitignore"), cut)
        for number, name in enumerate(AI_FILES):
            if has(name):
                longer = ai[number] + _place(_ai_rules(root / path / name), cut)
                ai = (*ai[:number], longer, *ai[number + 1 :])
        if git is self.git and ai is self.ai:
            return self
        return FolderRules(git, ai, repository)


def outer_rules(root: Path) -> FolderRules:
    """The rules that the folders around a root lay on what is in it, up to the repository's top.

    Rules that leave out the root itself do not count: whoever opens an ignored folder wants what is in it.
    """
    top = repository_of(root)
    if top is None:
        return FolderRules()
    between = root.relative_to(top).parts
    prefixes = [os.fsencode("/".join(between[depth:])) + b"/" for depth in range(len(between))]
    inner = prefixes[0] if prefixes else b""
    git = _excludes(top / ".git", 0, inner)
    ai: list[_Chain] = [()] * len(AI_FILES)
    for depth, prefix in enumerate(prefixes):
        folder = top.joinpath(*between[:depth])
        git += _place(_git_rules(folder / ".gitignore"), 0, prefix)
        for number, name in enumerate(AI_FILES):
            ai[number] += _place(_ai_rules(folder / name), 0, prefix)
    return FolderRules(
        () if _leaves_out(git, between) else git,
        tuple(() if _leaves_out(chain, between) else chain for chain in ai),
        _Repository(Tracked(top / ".git"), 0, inner),
    )


def _ignored(chain: _Chain, path: str, is_folder: bool) -> bool:
    if not chain:
        return False
    raw = os.fsencode(path)
    name = raw[raw.rfind(b"/") + 1 :]
    for placed in reversed(chain):
        if (verdict := placed.verdict(raw, name, is_folder)) is not None:
            return verdict
    return False


def _leaves_out(chain: _Chain, between: tuple[str, ...]) -> bool:
    """Whether rules from around a root name the root, or a folder on the way to it."""
    names = [os.fsencode(name) for name in between]
    for depth, name in enumerate(names, start=1):
        for placed in reversed(chain):
            # The prefix leads from the rules' folder to the root; cut it at the folder that is asked about.
            below = len(placed.prefix.split(b"/")) - 1 - (len(names) - depth)
            path = b"/".join(placed.prefix.split(b"/")[:below])
            if below > 0 and (verdict := placed.rules.verdict(path, name, True)) is not None:
                if verdict:
                    return True
                break
    return False


def _excludes(git: Path, cut: int, prefix: bytes = b"") -> _Chain:
    return _place(_git_rules(git / "info" / "exclude"), cut, prefix)


def _place(rules: ignore.Rules | None, cut: int, prefix: bytes = b"") -> _Chain:
    return () if rules is None else (_Placed(rules, cut, prefix),)


def _git_rules(file: Path) -> ignore.Rules | None:
    try:
        return ignore.read(file, follow=False)
    except OSError:
        return None  # as git does, which warns and goes on


def _ai_rules(file: Path) -> ignore.Rules | None:
    try:
        return ignore.read(file, follow=True)
    except OSError:
        return ignore.EVERYTHING  # somebody wanted something left out, and what cannot be told
