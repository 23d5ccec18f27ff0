"""`assay receipt`: show one that was kept."""

from __future__ import annotations

import argparse
import os
from collections import Counter

from sandbox.receipt import Grade, Receipt, TestOutcome
from server.cli.answer import NOT_REACHED, REACHED, Answer, Refusal, give, refused
from server.runtime import open_receipts

_SHOWN = 12  # tests listed for people; JSON has them all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", help="the latest when it is left out")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    try:
        receipt = _load(args.id)
    except Refusal as refusal:
        return give(refused(refusal), as_json=args.json)
    answer = Answer(
        grade=receipt.grade.value,
        reason=receipt.reason,
        code=REACHED,
        receipt=receipt,
        diff=receipt.diff,
        seconds=sum(step.seconds for step in receipt.steps),
        candidates=1,
        lines=_lines(receipt),
    )
    return give(answer, as_json=args.json)


def _load(wanted: str | None) -> Receipt:
    store = open_receipts(os.environ)
    try:
        receipt = store.load(wanted) if wanted is not None else store.latest()
    except KeyError as error:
        where = f"There is no receipt {wanted!r}" if wanted is not None else "The latest receipt cannot be read"
        raise Refusal(f"{where}; `assay receipt` without an id shows the latest.", code=NOT_REACHED) from error
    except OSError as error:
        raise Refusal(f"Receipts cannot be read: {error}.", code=NOT_REACHED) from error
    if receipt is None:
        raise Refusal("There are no receipts yet; `assay fix` and `assay verify` make them.", code=NOT_REACHED)
    return receipt


def _lines(receipt: Receipt) -> list[str]:
    touching = [test for test in receipt.tests if test.touches]
    before, after = (
        Counter(getattr(test, when) or "not run" for test in receipt.tests) for when in ("before", "after")
    )
    lines = [
        f"{receipt.title or 'edit'}, {receipt.created}",
        f"ran under {receipt.isolation}",
        *(
            f"  {step.name:<14} {step.status:<8} {step.seconds:6.2f} s  {step.detail}".rstrip()
            for step in receipt.steps
        ),
        f"tests before: {_counted(before)}",
        f"tests after:  {_counted(after)}",
        f"{len(touching)} of {len(receipt.tests)} touch the change (by {receipt.touched_by})",
        *(f"  {test.before or 'not run'} -> {test.after or 'not run'}  {test.id}" for test in _telling(receipt)),
    ]
    if receipt.model:
        lines.append(f"proposed by {receipt.model}, which was shown {', '.join(receipt.context) or 'nothing'}")
    lines += [f"note: {note}" for note in receipt.notes]
    if receipt.claim and receipt.grade in (Grade.VERIFIED, Grade.CHECKED):
        lines.append(f"claim: {receipt.claim}")
    return [*lines, receipt.digest]


def _telling(receipt: Receipt) -> list[TestOutcome]:
    changed = [test for test in receipt.tests if test.before != test.after]
    return (changed + [test for test in receipt.tests if test.touches and test not in changed])[:_SHOWN]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "none"
