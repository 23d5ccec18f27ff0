"""A desk with a shop and a scripted model, for tests of actions."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.server.desk import Desk, Start

SHOP = '''\
"""Prices: 😀 and an é."""


def total(prices):
    result = 0
    for price in prices:
        result = result + price
    return result


def label(size):
    return "größer 😀" if size > 10 else "small"
'''

TESTS = """\
from shop import label, total


def test_total():
    assert total([1, 2]) == 3


def test_nothing():
    assert total([]) == 0


def test_label():
    assert label(11) == "größer 😀"
    assert label(10) == "small"
"""


def make_shop(root: Path) -> Path:
    (root / "tests").mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\n\n[tool.pytest.ini_options]\npythonpath = ["."]\n'
    )
    (root / "shop.py").write_text(SHOP)
    (root / "tests" / "test_shop.py").write_text(TESTS)
    return root


def answer(text: str, *, when: tuple[str, ...] = (), unless: tuple[str, ...] = (), **more: Any) -> str:
    """One entry of a script."""
    keys = {"when": list(when), "unless": list(unless), **more, "text": text}
    return "[[answer]]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items())


def block(path: str, search: str, replace: str, title: str = "change it") -> str:
    return f"Edit: {title}\n\n{path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


async def sit(desk: Start, root: Path, *answers: str, editor: str = "code-server", **env: str) -> Desk:
    """A desk whose model gives these answers; the first that fits."""
    script = root.parent / "answers.toml"
    script.write_text('model = "tests"\n\n' + "\n".join(answers))
    return await desk(root, editor, ASSAY_MODELS_DEMO_BACKEND="scripted", ASSAY_MODELS_DEMO_SCRIPT=str(script), **env)


async def menu(it: Desk, uri: str, line: int, *, end: int | None = None, **context: Any) -> list[Any]:
    at = {"start": {"line": line, "character": 0}, "end": {"line": end if end is not None else line, "character": 1}}
    params = {"textDocument": {"uri": uri}, "range": at, "context": {"diagnostics": [], **context}}
    return await it.wire.result("textDocument/codeAction", params)


def git(root: Path, *words: str) -> None:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a",
           "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}  # fmt: skip
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, env=env)


def commit_all(root: Path) -> None:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Totals are in cents")
