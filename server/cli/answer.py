"""What a command says at its end: one value, printed for people or as one JSON object. Schema: docs/cli.schema.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from sandbox.receipt import Grade, Receipt
from sandbox.store import receipt_to_json

REACHED, NOT_REACHED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: the asked-for state was reached; it was not; the input makes no sense; stopped with Ctrl+C."""

_STYLES = {"verified": "bold green", "checked": "bold yellow", "failed": "bold red", "unverified": "bold magenta"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    grade: str
    reason: str
    code: int
    receipt: Receipt | None = None
    diff: str = ""
    seconds: float = 0.0
    candidates: int = 0
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What only this command has to say; documented in the schema."""
    lines: Sequence[str] = ()
    """For people, between the diff and the verdict."""

    def to_json(self) -> dict[str, Any]:
        return {
            "grade": self.grade,
            "reason": self.reason,
            "receipt": receipt_to_json(self.receipt) if self.receipt is not None else None,
            "diff": self.diff,
            "seconds": round(self.seconds, 3),
            "candidates": self.candidates,
            **self.more,
        }


class Refusal(Exception):
    """The command cannot do what was asked; the message is for the reader."""

    def __init__(self, reason: str, *, grade: Grade = Grade.UNVERIFIED, code: int = BAD_INPUT) -> None:
        super().__init__(reason)
        self.grade = grade
        self.code = code


def refused(refusal: Refusal) -> Answer:
    return Answer(grade=refusal.grade.value, reason=str(refusal), code=refusal.code)


def give(answer: Answer, *, as_json: bool) -> int:
    """Print the answer and return the exit code."""
    if as_json:
        json.dump(answer.to_json(), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        _print(answer)
    sys.stdout.flush()
    return answer.code


def _print(answer: Answer) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if answer.diff:
        console.print(coloured(answer.diff))
    for line in answer.lines:
        console.print(Text(line))
    verdict = Text(answer.grade, style=_STYLES.get(answer.grade, "bold"))
    console.print(verdict.append(f"  {answer.reason}", style="not bold default"))
    if answer.receipt is not None:
        console.print(Text(f"receipt {answer.receipt.id}", style="dim"))


def coloured(diff: str) -> Text:
    """A diff with additions green and removals red; plain where there are no colours."""
    text = Text()
    for line in diff.rstrip("\n").split("\n"):
        style = ""
        if line.startswith(("+++", "---", "diff ")):
            style = "bold"
        elif line.startswith("+"):
            style = "green"
        elif line.startswith("-"):
            style = "red"
        elif line.startswith("@@"):
            style = "cyan"
        text.append(line + "\n", style=style)
    return text
