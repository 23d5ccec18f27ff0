"""The one decision, as a table."""

from __future__ import annotations

import pytest

from workspace.policy import READ_LIMIT, SANDBOX_LIMIT, Entry, Purpose, Reason, refusal

READ, SANDBOX = Purpose.READ, Purpose.SANDBOX


@pytest.mark.parametrize(
    ("entry", "read", "sandbox"),
    [
        (Entry(path="a.py"), None, None),
        (Entry(path="src/pkg", is_folder=True), None, None),
        (Entry(path="venv", is_folder=True), None, None),  # a package may be called so
        (Entry(path="venv", is_folder=True, is_environment=True), Reason.ENVIRONMENT, Reason.ENVIRONMENT),
        (Entry(path="a/.venv", is_folder=True), Reason.ENVIRONMENT, Reason.ENVIRONMENT),
        (Entry(path=".git", is_folder=True), Reason.VERSION_CONTROL, Reason.VERSION_CONTROL),
        (Entry(path="sub/.git"), Reason.VERSION_CONTROL, Reason.VERSION_CONTROL),
        (Entry(path=".hg", is_folder=True), Reason.VERSION_CONTROL, Reason.VERSION_CONTROL),
        (Entry(path=".gitignore"), None, None),
        (Entry(path="a/__pycache__", is_folder=True), Reason.CACHE, Reason.CACHE),
        (Entry(path="a.pyc"), Reason.CACHE, Reason.CACHE),
        (Entry(path="node_modules", is_folder=True), Reason.CACHE, Reason.CACHE),
        (Entry(path=".tox", is_folder=True), Reason.CACHE, Reason.CACHE),
        (Entry(path="a.py", git_ignored=True), Reason.GIT_IGNORED, None),
        (Entry(path="a.pyi", git_ignored=True), Reason.GIT_IGNORED, None),
        (Entry(path="a.cpython-311-x86_64-linux-gnu.so", git_ignored=True), Reason.GIT_IGNORED, None),
        (Entry(path="a.pyd", git_ignored=True), Reason.GIT_IGNORED, None),
        (Entry(path="x.egg-info/PKG-INFO", git_ignored=True), Reason.GIT_IGNORED, None),
        (Entry(path="b/x.dist-info/RECORD", git_ignored=True), Reason.GIT_IGNORED, None),
        (Entry(path="out", is_folder=True, git_ignored=True), Reason.GIT_IGNORED, None),
        (Entry(path="out/a.txt", git_ignored=True), Reason.GIT_IGNORED, Reason.GIT_IGNORED),
        (Entry(path="a.py", ai_ignored=True), Reason.AI_IGNORED, Reason.AI_IGNORED),
        (Entry(path="d", is_folder=True, ai_ignored=True), Reason.AI_IGNORED, Reason.AI_IGNORED),
        (Entry(path=".env"), Reason.SENSITIVE, Reason.SENSITIVE),
        (Entry(path=".env.local", git_ignored=True), Reason.SENSITIVE, Reason.SENSITIVE),
        (Entry(path="ca.pem", is_cleared=True), None, None),
        (Entry(path=".ssh", is_folder=True), Reason.SENSITIVE, Reason.SENSITIVE),
        (Entry(path="a.txt", size=READ_LIMIT), None, None),
        (Entry(path="a.txt", size=READ_LIMIT + 1), Reason.TOO_LARGE, None),
        (Entry(path="a.txt", size=SANDBOX_LIMIT), Reason.TOO_LARGE, None),
        (Entry(path="a.txt", size=SANDBOX_LIMIT + 1), Reason.TOO_LARGE, Reason.TOO_LARGE),
    ],
    ids=lambda value: value.path if isinstance(value, Entry) else "",
)
def test_what_may_be_used_for_what(entry: Entry, read: Reason | None, sandbox: Reason | None) -> None:
    assert (refusal(entry, READ), refusal(entry, SANDBOX)) == (read, sandbox)
