"""Receipts are kept as private JSON files that come back as they were, and follow their schema."""

from __future__ import annotations

import dataclasses
import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox import store as module
from sandbox.receipt import Grade, Receipt, Step, TestOutcome
from sandbox.store import ReceiptStore, digest_of, new_receipt, receipt_from_json, receipt_to_json
from sandbox.verdict import Judgement
from workspace.edit import Edit, FileChange

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/receipt.schema.json").read_text("utf-8"))
EDIT = Edit(changes=(FileChange(path="a.py", before=b"x = 1\n", after=b"x = 2\n"),), title="change x")
TESTS = (TestOutcome(id="test_a.py::test_x[\u00e9]", before="failed", after="passed", touches=True),)


def receipt(reason: str = "it works", edit: Edit = EDIT) -> Receipt:
    finish = new_receipt(edit, "gvisor", "some-model", ("a.py",), ("a note",))
    judgement = Judgement(grade=Grade.VERIFIED, reason=reason, claim="fixes it", tests=TESTS, touched_by="coverage")
    steps = [Step(name="compile", status="ok", seconds=0.5, command="compile()", exit_code=0, detail="")]
    return finish(steps, judgement, "the log\n")


def test_a_receipt_says_what_was_judged() -> None:
    made = receipt()
    assert (made.title, made.grade, made.claim) == ("change x", Grade.VERIFIED, "fixes it")
    assert (made.isolation, made.model, made.context, made.notes) == ("gvisor", "some-model", ("a.py",), ("a note",))
    assert (made.tests, made.touched_by, made.log) == (TESTS, "coverage", "the log\n")
    assert "-x = 1\n+x = 2\n" in made.diff
    assert made.created.endswith("+00:00")


def test_a_receipt_follows_its_schema_and_comes_back() -> None:
    made = receipt()
    as_json = json.loads(json.dumps(receipt_to_json(made)))
    jsonschema.validate(as_json, SCHEMA)
    assert receipt_from_json(as_json) == made


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("no test runs it", "No test runs it."),
        ("test_a.py::test_x fails", "test_a.py::test_x fails."),
        ("Done.", "Done."),
    ],
)
def test_a_reason_is_a_sentence(said: str, sentence: str) -> None:
    assert receipt(said).reason == sentence


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        "text",
        {"schema": "assay.receipt/2"},
        {"schema": "assay.receipt/1"},
        {**receipt_to_json(receipt()), "grade": "excellent"},
        {**receipt_to_json(receipt()), "steps": 3},
    ],
    ids=["nothing", "a list", "a text", "another schema", "no fields", "an unknown grade", "a wrong type"],
)
def test_what_is_no_receipt_is_a_value_error(data: Any) -> None:
    with pytest.raises(ValueError, match="not a receipt"):
        receipt_from_json(data)


def test_the_digest_covers_the_edit_the_grade_and_the_outcomes() -> None:
    first = digest_of(EDIT, Grade.VERIFIED, TESTS)
    assert first == digest_of(dataclasses.replace(EDIT, title="another title"), Grade.VERIFIED, TESTS)
    (change,) = EDIT.changes
    others = {
        digest_of(Edit(changes=(dataclasses.replace(change, after=b"x = 3\n"),)), Grade.VERIFIED, TESTS),
        digest_of(Edit(changes=(dataclasses.replace(change, before=None),)), Grade.VERIFIED, TESTS),
        digest_of(Edit(changes=(dataclasses.replace(change, path="b.py"),)), Grade.VERIFIED, TESTS),
        digest_of(EDIT, Grade.CHECKED, TESTS),
        digest_of(EDIT, Grade.VERIFIED, (dataclasses.replace(TESTS[0], before="passed"),)),
        digest_of(EDIT, Grade.VERIFIED, (dataclasses.replace(TESTS[0], after="xpassed"),)),
        digest_of(EDIT, Grade.VERIFIED, (dataclasses.replace(TESTS[0], touches=False),)),
        digest_of(EDIT, Grade.VERIFIED, ()),
    }
    assert len(others | {first}) == 9


@pytest.fixture
def store(tmp_path: Path) -> ReceiptStore:
    return ReceiptStore(tmp_path / "state" / "receipts")


def test_a_saved_receipt_is_loaded_and_private(store: ReceiptStore) -> None:
    made = receipt()
    path = store.save(made)
    assert store.load(made.id) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [f"{made.id}.json"]


def test_the_latest_is_the_one_made_last(store: ReceiptStore) -> None:
    assert store.latest() is None
    for number in range(20):
        made = receipt(f"number {number}")
        store.save(made)
        assert store.latest() == made


@pytest.mark.parametrize("wanted", ["none", "", "../secret", "a/b", "A" * 65, "x\0"])
def test_an_id_that_is_none_is_a_key_error(store: ReceiptStore, tmp_path: Path, wanted: str) -> None:
    path = store.save(receipt())
    path.rename(tmp_path / "state" / "secret.json")
    with pytest.raises(KeyError):
        store.load(wanted)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"schema": "assay.receipt/9"}'])
def test_a_damaged_file_is_a_key_error(store: ReceiptStore, content: bytes) -> None:
    made = receipt()
    store.save(made).write_bytes(content)
    with pytest.raises(KeyError):
        store.load(made.id)


def test_only_so_many_are_kept_and_the_oldest_go(store: ReceiptStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    made = [receipt(f"number {number}") for number in range(5)]
    paths = [store.save(each) for each in made]
    assert sorted(paths[0].parent.iterdir()) == paths[2:]
    assert store.latest() == made[-1]
