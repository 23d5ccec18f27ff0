"""Make receipts, and keep them in the user's state folder as JSON. Schema: docs/receipt.schema.json."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cattrs

from sandbox.receipt import SCHEMA, Grade, Receipt, Step, TestOutcome
from sandbox.verdict import Judgement
from workspace.edit import Edit, unified_diff

_KEPT = 1000
"""Receipts kept; the oldest go first."""
_ID = re.compile(r"[0-9a-z-]{1,64}")


def new_receipt(
    edit: Edit, isolation: str, model: str | None, context: Sequence[str], notes: Sequence[str]
) -> Callable[..., Receipt]:
    """A function that finishes the receipt of this edit once the outcome is known."""

    def finish(steps: Sequence[Step], judgement: Judgement, log: str = "") -> Receipt:
        now = datetime.now(UTC)
        return Receipt(
            id=f"{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}",
            created=now.isoformat(timespec="seconds"),
            grade=judgement.grade,
            reason=_sentence(judgement.reason),
            claim=judgement.claim,
            isolation=isolation,
            title=edit.title,
            diff=unified_diff(edit),
            digest=digest_of(edit, judgement.grade, judgement.tests),
            steps=tuple(steps),
            tests=judgement.tests,
            touched_by=judgement.touched_by,
            notes=tuple(notes),
            model=model,
            context=tuple(context),
            log=log,
        )

    return finish


def _sentence(text: str) -> str:
    """With a capital letter, unless it begins with a name of the code."""
    first = text.split(" ", 1)[0]
    return (text[:1].upper() + text[1:] if first.isalpha() else text) + ("" if text.endswith(".") else ".")


def digest_of(edit: Edit, grade: Grade, tests: Sequence[TestOutcome]) -> str:
    """sha256 over the canonical JSON of the edit's content hashes, the grade and each test's outcomes."""
    changes = [[change.path, *(_hash(content) for content in (change.before, change.after))] for change in edit.changes]
    outcomes = [[test.id, test.before, test.after, test.touches] for test in tests]
    canonical = json.dumps([changes, grade.value, outcomes], separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    return {"schema": SCHEMA, **dataclasses.asdict(receipt)}


def receipt_from_json(data: Mapping[str, Any]) -> Receipt:
    """:raises ValueError: when it is no receipt of a schema that this version reads."""
    if not isinstance(data, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - it comes from a file
        raise ValueError("not a receipt: no JSON object")
    if data.get("schema") != SCHEMA:
        raise ValueError(f"not a receipt of schema {SCHEMA}: {data.get('schema')!r}")
    try:
        return cattrs.structure({key: value for key, value in data.items() if key != "schema"}, Receipt)
    except (cattrs.BaseValidationError, KeyError, TypeError) as error:
        raise ValueError(f"not a receipt: {error}") from error


class ReceiptStore:
    """Receipts as files `ID.json`, readable by their owner alone: they contain the user's code."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, receipt: Receipt) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{receipt.id}.json"
        draft = path.with_suffix(".part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(receipt_to_json(receipt), file, indent=1)
        draft.replace(path)
        for old in self._files()[:-_KEPT]:
            old.unlink(missing_ok=True)
        return path

    def load(self, receipt_id: str) -> Receipt:
        """:raises KeyError: when there is no receipt of this id."""
        if not _ID.fullmatch(receipt_id):
            raise KeyError(receipt_id)
        try:
            return receipt_from_json(json.loads((self._folder / f"{receipt_id}.json").read_text()))
        except (FileNotFoundError, ValueError) as error:
            raise KeyError(receipt_id) from error

    def latest(self) -> Receipt | None:
        files = self._files()
        return self.load(files[-1].stem) if files else None

    def _files(self) -> list[Path]:
        """Oldest first: ids begin with the time."""
        return sorted(self._folder.glob("*.json"))


def _hash(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
