"""Reading edits from answers: what is understood, and everything that is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assist.model.parse import MAX_ANSWER, read_edit
from inference.errors import BadOutput
from workspace.edit import Edit
from workspace.project import Project

SHOP = '''\
"""A shop."""

LIMIT = 3


def total(prices):
    """What it costs."""
    result = 0  # cents
    for price in prices:
        result += price
    return result


class Cart:
    size = 1

    @property
    def full(self):
        return self.size > LIMIT

    def total(self):
        return self.size
'''

Make = Callable[[dict[str, str]], Project]


@pytest.fixture
def shop(project: Make) -> Project:
    return project(
        {
            "shop.py": SHOP,
            "src/other.py": "def other():\n    return 1\n",
            "tests/test_shop.py": "def test_a():\n    assert True\n",
            "conftest.py": "",
            ".env": "KEY=1\n",
            "pyproject.toml": "",
        }
    )


def block(path: str, search: str, replace: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def after(edit: Edit, path: str = "shop.py") -> str:
    return {change.path: (change.after or b"").decode() for change in edit.changes}[path]


@pytest.mark.parametrize(
    "answer",
    [
        block("shop.py", "    return result", "    return result or 0"),
        "Sure!\n\n### File: `shop.py`\n" + block("", "    return result", "    return result or 0").lstrip("\n"),
        "```python\n" + block("shop.py", "    return result", "    return result or 0") + "```\n",
        "shop.py\n```\n" + block("", "    return result", "    return result or 0").lstrip("\n") + "```\n",
        block("./shop.py", "    return result   ", "    return result or 0"),
        block("", "    return result", "    return result or 0"),
        block("shop.py", "    return result", "    return result or 0").replace("\n", "\r\n"),
    ],
)
def test_reads_a_search_replace_block(answer: str, shop: Project) -> None:
    edit = read_edit(answer, shop, ["shop.py", "src/other.py"])
    assert after(edit) == SHOP.replace("return result", "return result or 0")


def test_reads_several_blocks_in_order(shop: Project) -> None:
    answer = block("shop.py", "LIMIT = 3", "LIMIT = 4\nLEAST = 1") + block("shop.py", "LEAST = 1", "LEAST = 2")
    answer += block("src/other.py", "    return 1", "    return 2") + block("new.py", "", "NEW = 1")
    edit = read_edit(answer, shop, ["shop.py"])
    assert [change.path for change in edit.changes] == ["new.py", "shop.py", "src/other.py"]
    assert "LIMIT = 4\nLEAST = 2\n" in after(edit)
    assert after(edit, "new.py") == "NEW = 1\n"


def test_deletes_lines_and_keeps_line_endings(project: Make) -> None:
    made = project({"a.py": ""})
    (made.root / "a.py").write_bytes(b"a = 1\r\nb = 2\r\nc = 3")
    edit = read_edit(block("a.py", "b = 2", ""), made, [])
    assert after(edit, "a.py") == "a = 1\r\nc = 3"
    edit = read_edit(block("a.py", "a = 1", "a = 0\nz = 9"), made, [])
    assert after(edit, "a.py") == "a = 0\r\nz = 9\r\nb = 2\r\nc = 3"


def test_reads_whole_definitions(shop: Project) -> None:
    answer = '```python\n# shop.py\ndef total(prices):\n    """What it costs."""\n    return sum(prices)\n```\n'
    edit = read_edit(answer, shop, ["shop.py"])
    head, _, rest = SHOP.partition("    result = 0")
    assert after(edit) == f"{head}    return sum(prices)\n{rest[rest.index('return result') + 14 :]}"


def test_reads_methods(shop: Project) -> None:
    answer = "shop.py:\n```python\nclass Cart:\n    def total(self):\n        return self.size + 1\n```\n"
    assert after(read_edit(answer, shop, [])) == SHOP.replace("return self.size\n", "return self.size + 1\n")
    answer = "shop.py\n```python\n@property\ndef full(self):\n    return self.size >= LIMIT\n```\n"
    assert after(read_edit(answer, shop, [])) == SHOP.replace("> LIMIT", ">= LIMIT")


def test_takes_the_title_from_the_answer(shop: Project) -> None:
    change = block("shop.py", "LIMIT = 3", "LIMIT = 4")
    assert read_edit("Edit: raise the limit.\n" + change, shop, []).title == "raise the limit"
    assert read_edit(change, shop, []).title == "change shop.py"
    hostile = read_edit("Edit: \x1b[31m<a href=x>" + "x" * 500 + "\n" + change, shop, []).title
    assert "\x1b" not in hostile
    assert len(hostile) <= 60


GOOD = "    return result", "    return 0"

REFUSED = {
    "nothing": ("I cannot do that.", "neither"),
    "absent": (block("shop.py", "    return nothing", "    return 0"), "does not stand in shop.py"),
    "ambiguous": (block("shop.py", "", "x"), "nothing to search for"),
    "not there": (block("nowhere.py", "x", "y"), "does not exist"),
    "several": (block("twice.py", "x = 1", "x = 2"), "stands 2 times"),
    "no end": ("shop.py\n<<<<<<< SEARCH\nLIMIT = 3\n=======\nLIMIT = 4\n", "does not end"),
    "no change": (block("shop.py", "LIMIT = 3", "LIMIT = 3"), "changes nothing"),
    "part of a line": (block("shop.py", "return result", "return 0"), "does not stand"),
    "absolute": (block("/etc/passwd.py", *GOOD), "absolute"),
    "parent": (block("../shop.py", *GOOD), "leads out"),
    "hidden parent": (block("src/../../shop.py", *GOOD), "leads out"),
    "backslash": (block("src\\other.py", *GOOD), "names no file|cannot be one"),
    "test": (block("tests/test_shop.py", "    assert True", "    assert 1"), "belongs to the tests"),
    "new test": (block("tests/test_new.py", "", "x"), "belongs to the tests"),
    "conftest": (block("conftest.py", "", "x"), "belongs to the tests"),
    "configuration": (block("pyproject.toml", "", "x"), "belongs to the tests"),
    "secret": (block("keys.pem", "", "x"), "no edit may touch"),
    "git": (block(".git/config.py", "", "x"), "no edit may touch"),
    "link": (block("link.py", "x", "y"), "leads out|no edit may touch"),
    "too long": ("x" * (MAX_ANSWER + 1), "longer than"),
    "too many": (block("shop.py", "LIMIT = 3", "LIMIT = 3") * 30, "more than"),
    "too much": (block("shop.py", "LIMIT = 3", "x" * 150_000), "puts in more"),
    "unknown name": ("# shop.py\n```python\ndef nobody():\n    pass\n```", "nobody is not defined"),
    "not Python": ("shop.py\n```python\ndef total(:\n```", "not valid Python"),
    "not a definition": ("shop.py\n```python\nimport os\n```", "whole definitions only"),
    "class body": ("shop.py\n```python\nclass Cart:\n    size = 2\n```", "Only methods"),
    "ambiguous name": ("twice.py\n```python\ndef again():\n    return 3\n```", "more than once"),
    "given twice": ("shop.py\n```python\ndef total(p):\n    return 1\ndef total(p):\n    return 2\n```", "twice"),
    "fits several": (block("", "same = 1", "same = 2"), "fits several"),
    "fits none": (block("", "nowhere = 1", "same = 2"), "fits none"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str, shop: Project, project: Make, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("x")
    (shop.root / "link.py").symlink_to(tmp_path / "outside.py")
    made = project(
        {
            "twice.py": "x = 1\nx = 1\ndef again():\n    return 1\n\ndef again():\n    return 2\n",
            "one.py": "same = 1\n",
            "two.py": "same = 1\n",
        }
    )
    answer, said = REFUSED[name]
    with pytest.raises(BadOutput, match=said):
        read_edit(answer, made, ["one.py", "two.py"])
