"""The rules of one ignore file, as git reads them: gitignore(5), and git's own matcher where that page is silent.

tests/workspace/test_ignore.py compares every decision with `git check-ignore` on generated rules and trees.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 1 << 20  # a longer ignore file is read up to here; real ones are a few kilobytes
_CLASSES: dict[bytes, bytes] = {
    b"alnum": rb"[A-Za-z0-9]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[!-~]",
    b"lower": rb"[a-z]",
    b"print": rb"[ -~]",
    b"punct": rb"[!-/:-@\[-`{-~]",
    b"space": rb"[ \t\n\v\f\r]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[A-Fa-f0-9]",
}
_MEMBERS = {
    name: frozenset(byte for byte in range(256) if re.match(expression, bytes([byte])))
    for name, expression in _CLASSES.items()
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one file. Later rules win, so the expressions hold them last first."""

    names: tuple[re.Pattern[bytes] | None, re.Pattern[bytes] | None]
    """Rules without a slash, matched against the last part of the path: for files, for folders."""
    paths: tuple[re.Pattern[bytes] | None, re.Pattern[bytes] | None]
    """Rules with a slash, matched against the path from the file's own folder."""
    verdicts: tuple[bool, ...]
    """By rule, last first: True to ignore, False to keep."""

    def verdict(self, path: bytes, name: bytes, is_folder: bool) -> bool | None:
        """True: ignored. False: kept by a `!` rule. None: no rule speaks of this entry.

        Only the entry itself is looked at; what lies in an ignored folder is ignored with it, by the caller.
        """
        first = len(self.verdicts)
        for expression, subject in ((self.names[is_folder], name), (self.paths[is_folder], path)):
            if expression is not None and (match := expression.fullmatch(subject)) is not None:
                assert match.lastgroup is not None
                first = min(first, int(match.lastgroup[1:]))
        return self.verdicts[first] if first < len(self.verdicts) else None


EVERYTHING = Rules(
    names=(re.compile(rb"(?P<r0>.*)", re.DOTALL), re.compile(rb"(?P<r0>.*)", re.DOTALL)),
    paths=(None, None),
    verdicts=(True,),
)
"""What stands in for an ignore file that cannot be read, where that must fail closed."""


def parse(content: bytes) -> Rules | None:
    """The rules of an ignore file; None when it has none."""
    parsed = [rule for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if (rule := _rule(line))]
    if not parsed:
        return None
    parsed.reverse()
    return Rules(
        names=(_either(parsed, in_name=True, folder=False), _either(parsed, in_name=True, folder=True)),
        paths=(_either(parsed, in_name=False, folder=False), _either(parsed, in_name=False, folder=True)),
        verdicts=tuple(rule.ignores for rule in parsed),
    )


def read(file: Path, *, follow: bool) -> Rules | None:
    """The rules in a file; None when it has none, is absent or is no regular file.

    :param follow: whether a symlink is followed; git does not, for `.gitignore`.
    :raises OSError: when there is a file that cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    try:
        if not follow and file.is_symlink():
            return None
        descriptor = os.open(file, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return parse(stream.read(_MAX_BYTES))


@dataclass(frozen=True, slots=True)
class _Rule:
    expression: bytes
    ignores: bool
    in_name: bool
    folders_only: bool


def _rule(line: bytes) -> _Rule | None:
    if line.startswith(b"#"):
        return None
    pattern = _without_trailing_spaces(line.removesuffix(b"\r"))
    ignores = not pattern.startswith(b"!")
    if not ignores:
        pattern = pattern[1:]
    folders_only = pattern.endswith(b"/")
    if folders_only:
        pattern = pattern[:-1]
    in_name = b"/" not in pattern
    if not in_name:
        pattern = pattern.removeprefix(b"/")
    if not pattern:
        return None
    expression = _expression(pattern, in_path=not in_name)
    return None if expression is None else _Rule(expression, ignores, in_name, folders_only)


def _without_trailing_spaces(line: bytes) -> bytes:
    end = at = 0
    while at < len(line):
        if line[at] == 0x5C:  # a backslash keeps the next byte, a space too
            at = min(at + 2, len(line))
            end = at
        else:
            at += 1
            if line[at - 1] != 0x20:
                end = at
    return line[:end]


def _either(rules: list[_Rule], *, in_name: bool, folder: bool) -> re.Pattern[bytes] | None:
    chosen = [
        b"(?P<r%d>%b)" % (number, rule.expression)
        for number, rule in enumerate(rules)
        if rule.in_name is in_name and (folder or not rule.folders_only)
    ]
    return re.compile(b"|".join(chosen), re.DOTALL) if chosen else None


# Tokens of a pattern: a regular expression for one byte, or one of these three.
_STAR, _STARS, _SLASH = b"*", b"**", b"/"


def _expression(pattern: bytes, *, in_path: bool) -> bytes | None:
    """The regular expression for a pattern; None when git matches nothing with it."""
    # git compares what stands before the first special byte as plain text and gives the rest to its matcher,
    # which then takes a `**` at the start of that rest for one that stands alone between slashes.
    plain = re.match(rb"[^*?\[\\]*", pattern)
    assert plain is not None
    tokens = _tokens(pattern[plain.end() :])
    if tokens is None:
        return None
    if not in_path:
        tokens = [_STAR if token == _STARS else token for token in tokens]
    return re.escape(plain.group()) + _join(tokens)


def _join(tokens: list[bytes]) -> bytes:
    parts: list[list[bytes]] = [[]]
    for token in tokens:
        if token == _SLASH:
            parts.append([])
        else:
            parts[-1].append(token)
    # Runs of parts between `**` parts. Each `**` but the last takes as little as will do and never gives it
    # back (an atomic group), so that a hostile rule cannot make the match take exponential time.
    runs: list[list[bytes]] = [[]]
    for part in parts:
        if part == [_STARS]:
            runs.append([])
        else:
            runs[-1].append(_part(part))
    result = b"/".join(runs[0])
    if len(runs) == 1:
        return result
    if runs[0]:
        result += b"/"
    for run in runs[1:-1]:
        result += b"(?>(?:[^/]*/)*?%b)" % b"".join(part + b"/" for part in run)
    return result + (b"(?:[^/]*/)*" + b"/".join(runs[-1]) if runs[-1] else b".*")


def _part(tokens: list[bytes]) -> bytes:
    pieces: list[list[bytes]] = [[]]
    for token in tokens:
        if token in (_STAR, _STARS):
            pieces.append([])
        else:
            pieces[-1].append(token)
    first, *rest = (b"".join(piece) for piece in pieces)
    if not rest:
        return first
    return first + b"".join(b"(?>[^/]*?%b)" % piece for piece in rest[:-1]) + b"[^/]*" + rest[-1]


def _tokens(pattern: bytes) -> list[bytes] | None:
    tokens: list[bytes] = []
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        if byte == b"*":
            end = at
            while pattern[end : end + 1] == b"*":
                end += 1
            alone = end - at > 1 and pattern[at - 1 : at] in (b"/", b"") and pattern[end : end + 1] in (b"/", b"")
            tokens.append(_STARS if alone else _STAR)
            at = end
        elif byte == b"?":
            tokens.append(b"[^/]")
            at += 1
        elif byte == b"[":
            found = _bracket(pattern, at + 1)
            if found is None:
                return None
            members, at = found
            tokens.append(_one_of(members - {0x2F}))
        elif byte == b"\\":
            if at + 1 == len(pattern):
                return None
            tokens.append(re.escape(pattern[at + 1 : at + 2]))
            at += 2
        else:
            tokens.append(_SLASH if byte == b"/" else re.escape(byte))
            at += 1
    return tokens


def _one_of(members: frozenset[int]) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % member for member in sorted(members)) + b"]" if members else b"(?!)"


def _bracket(pattern: bytes, at: int) -> tuple[frozenset[int], int] | None:
    """The bytes that a bracket expression matches and where it ends; None when it does not end."""
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    members: set[int] = set()
    previous: int | None = None
    first = True
    while True:
        if at >= len(pattern):
            return None
        byte = pattern[at]
        if byte == 0x5D and not first:  # ]
            break
        first = False
        ranged = byte == 0x2D and previous and pattern[at + 1 : at + 2] not in (b"", b"]")
        named = byte == 0x5B and pattern[at + 1 : at + 2] == b":"
        if ranged or byte == 0x5C:  # a range's end, or an escaped byte
            at += 1
            if ranged and pattern[at] == 0x5C:
                at += 1
            if at >= len(pattern):
                return None
            members.update(range(previous or 0, pattern[at] + 1) if ranged else {pattern[at]})
            previous = None if ranged else pattern[at]
        elif (end := pattern.find(b"]", at + 2) if named else -1) != -1 and pattern[at + 2 : end].endswith(b":"):
            if (known := _MEMBERS.get(pattern[at + 2 : end - 1])) is None:
                return None
            members |= known
            at, previous = end, None
        else:
            members.add(byte)
            previous = byte
        at += 1
    return (frozenset(range(256)) - members if negated else frozenset(members)), at + 1
