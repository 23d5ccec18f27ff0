"""Reviews, commit messages and hunks: what is shown, what is read, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assist.actions.commit_message import read_message, write_commit_message
from assist.actions.errors import ActionError
from assist.actions.hunks import hunks_of, rebased, with_hunks
from assist.actions.review import read_findings, review
from assist.actions.types import only_types
from inference.errors import BadOutput
from tests.assist.actions.desk import case, model
from workspace.changes import Changes
from workspace.edit import Edit, FileChange

BEFORE = "".join(f"line {number}\n" for number in range(1, 31))
AFTER = (
    BEFORE.replace("line 3\n", "line three\n")
    .replace("line 20\n", "")
    .replace("line 28\n", "line 28\nKEY = 'AKIAIOSFODNN7EXAMPLQ'\n")
)


def edit(before: str | None, after: str | None, path: str = "a.py") -> Edit:
    change = FileChange(
        path=path,
        before=None if before is None else before.encode(),
        after=None if after is None else after.encode(),
    )
    return Edit(changes=(change,), title="t")


# ---- reviews

FILES = {"a.py": b"x = 1\ny = 2\nz = x / y\n", "tests/test_a.py": b"def test_a():\n    pass\n"}
FIX = "<<<<<<< SEARCH\ny = 2\n=======\ny = 3\n>>>>>>> REPLACE"


async def test_what_a_reviewer_is_shown() -> None:
    it, asked = model("No findings.")
    changes = Edit(changes=(*edit(BEFORE, AFTER).changes, *edit(None, "new\n", "b.py").changes,
                            *edit("old\n", None, "c.py").changes))  # fmt: skip
    found = await review(it, Path("/w"), Changes(edit=changes))
    assert (found.findings, found.notes) == ((), ())
    assert asked.asked[0] == case("review")
    assert "AKIA" not in asked.asked[0]


@pytest.mark.parametrize(
    ("answer", "found", "notes"),
    [
        ("No findings.", [], 0),
        ("Finding: a.py:3: error: y may be zero", [("a.py", 2, "error", "y may be zero", False)], 0),
        (f"Finding: a.py:2: hint: odd\n\n{FIX}", [("a.py", 1, "hint", "odd", True)], 0),
        (f"```\n- **Finding:** `a.py`:2: no severity\n{FIX}\n```", [("a.py", 1, "warning", "no severity", True)], 0),
        ("Finding: other.py:1: error: x\nFinding: a.py:99: error: x\nFinding: ../a.py:1: error: x", [], 1),
        (f"Finding: a.py:2: error: x\nother.py\n{FIX}", [("a.py", 1, "error", "x", False)], 1),
        (f"Finding: a.py:2: error: x\n{FIX.replace('y = 3', 'y = (')}", [("a.py", 1, "error", "x", False)], 1),
        ("Finding: a.py:1: error: \x1b[31mred\u202e", [("a.py", 0, "error", "[31mred", False)], 0),
    ],
    ids=["none", "plain", "fix", "decorated", "elsewhere", "fix elsewhere", "broken fix", "escapes"],
)
async def test_findings_are_read(answer: str, found: list[tuple[str, int, str, str, bool]], notes: int) -> None:
    findings, said = await read_findings(answer, Path("/w"), FILES)
    assert [(f.path, f.line, f.severity, f.message, f.fix is not None) for f in findings] == found
    assert len(said) == notes


async def test_an_answer_that_says_nothing_is_refused_and_many_findings_are_cut() -> None:
    with pytest.raises(BadOutput, match="no line that begins with `Finding:`"):
        await read_findings("Looks good to me!", Path("/w"), FILES)
    findings, _ = await read_findings("Finding: a.py:1: error: x\n" * 1000, Path("/w"), FILES)
    assert len(findings) == 20


async def test_no_changes_are_said() -> None:
    with pytest.raises(ActionError, match="There is nothing to review"):
        await review(model()[0], Path("/w"), Changes(edit=Edit(changes=())))
    with pytest.raises(ActionError, match="This is no git repository"):
        await review(model()[0], Path("/w"), Changes(edit=Edit(changes=()), problem="This is no git repository."))


# ---- messages


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("Totals round up", "Totals round up"),
        ("```\nTotals round up\n\nCents were lost.\n```", "Totals round up\n\nCents were lost."),
        ("# Totals round up\nwhy\n# no comment\n", "Totals round up\n\nwhy"),
    ],
)
def test_messages_are_read(answer: str, message: str) -> None:
    assert read_message(answer) == message


@pytest.mark.parametrize("answer", ["", "x" * 101, "ok\n\n" + "y" * 5000])
def test_what_is_no_message_is_refused(answer: str) -> None:
    with pytest.raises(BadOutput):
        read_message(answer)


async def test_the_staged_diff_comes_before_the_working_tree(tmp_path: Path) -> None:
    nothing, one, other = (
        Changes(edit=Edit(changes=())),
        Changes(edit=edit("a\n", "b\n")),
        Changes(edit=edit("c\n", "d\n")),
    )
    it, asked = model("Say b", "Say d")
    found = await write_commit_message(it, tmp_path, one, other)
    assert (found.text, found.staged) == ("Say b", True)
    assert "+b" in asked.asked[0]
    found = await write_commit_message(it, tmp_path, nothing, other)
    assert (found.text, found.staged) == ("Say d", False)
    with pytest.raises(ActionError, match="There is nothing to commit"):
        await write_commit_message(it, tmp_path, nothing, nothing)


# ---- hunks


def test_an_edit_can_be_taken_by_parts() -> None:
    whole = edit(BEFORE, AFTER)
    assert [(hunk.first, hunk.end) for hunk in hunks_of(whole)] == [(2, 3), (19, 20), (28, 28)]
    part = with_hunks(whole, [1])
    assert (part.changes[0].after or b"").decode() == BEFORE.replace("line 20\n", "")
    assert with_hunks(whole, [2, 0, 1]) == whole
    with pytest.raises(ActionError, match="There is no hunk 3; this edit has 0 to 2"):
        with_hunks(whole, [3])
    with pytest.raises(ActionError, match="No hunk was chosen"):
        with_hunks(whole, [])


def test_creating_a_file_is_one_part_and_what_is_left_out_is_no_change() -> None:
    two = Edit(changes=(*edit("a\n", "b\n").changes, *edit(None, "new\n", "b.py").changes))
    assert len(hunks_of(two)) == 2
    assert with_hunks(two, [0]).paths == {"a.py"}
    assert with_hunks(two, [1]).paths == {"b.py"}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_ends_of_lines_and_files_stay(end: str) -> None:
    whole = edit(f"a\r\nb{end}", f"a\r\nc{end}")
    assert with_hunks(whole, [0]) == whole


def test_a_fix_follows_its_lines_or_is_gone() -> None:
    fix = edit(BEFORE, BEFORE.replace("line 20\n", "twenty\n"))
    moved = rebased(fix, "a.py", ("new\n" + BEFORE).encode())
    assert moved is not None
    assert (moved.changes[0].after or b"").decode() == "new\n" + BEFORE.replace("line 20\n", "twenty\n")
    assert rebased(fix, "a.py", BEFORE.replace("line 20\n", "else\n").encode()) is None
    assert rebased(fix, "b.py", b"") is None


# ---- types

CODE = "import os\n\n\ndef f(a, *b, c=1, **d):\n    x = a\n    return x\n\n\n@dataclass\nclass A:\n    n = 1\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(a, *b, c=1, **d)", "(a: int, *b: int, c: int = 1, **d: str) -> int"),
        ("    x = a", "    x: int = a"),
        ("import os", "import os\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from shop import Cart"),
        ("import os", "import os\nfrom collections.abc import Sequence"),
        ("import os", "from __future__ import annotations\n\nimport os"),
    ],
)  # fmt: skip
def test_types_alone_may_be_added(old: str, new: str) -> None:
    only_types(edit(CODE, CODE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("return x", "return a", "changes more than types"),
        ("c=1", "c=2", "changes more than types"),
        ("import os", "", "changes more than types"),
        ("import os", "import os\nimport shop", "changes more than types"),
        ("    n = 1", "    n: int = 1", "changes more than types"),
        ("import os", "import os\nfrom typing import Any as a", "imports a, a name that the code uses"),
        ("return x", "return (x", "would not be Python"),
    ],
    ids=["code", "default", "import gone", "import", "field", "shadow", "syntax"],
)
def test_whatever_else_changes_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(BadOutput, match=says):
        only_types(edit(CODE, CODE.replace(old, new)))
