"""Why no next edit is proposed: one code for every empty answer, and a sentence for whoever asks."""

from __future__ import annotations

from typing import Literal, cast

Code = Literal[
    "off",
    "notebook",
    "not_open",
    "out_of_sync",
    "policy",
    "superseded",
    "cancelled",
    "stale",
    "no_change",
    "nothing_follows",
    "no_place",
    "error",
]

REASONS: dict[Code, str] = {
    "off": "Next edits are turned off: `complete.next_edit`.",
    "notebook": "Cells of notebooks are not supported.",
    "not_open": "The editor has not opened this document with Assay.",
    "out_of_sync": "A change of the document could not be read; close the file and open it again.",
    "policy": "The file is ignored or holds secrets: nothing of it is read or sent.",
    "superseded": "A newer request for the same document came.",
    "cancelled": "The editor did not want the answer any more.",
    "stale": "The document changed while the answer was on its way, or the request was about another version.",
    "no_change": "Nothing was changed lately in a file that may be read.",
    "nothing_follows": "Nothing that a rule or the model knows follows from the last change.",
    "no_place": "What the last change asked for is done everywhere.",
    "error": "Something failed here; the log has the details.",
}
"""With what can be done about it, where something can."""

MODEL: dict[str, str] = {
    "no_backend": "The model cannot be reached or its settings cannot be used; `assay doctor` says why.",
    "busy": "The model has too much to do.",
    "timeout": "The model did not answer in time: `complete.seconds`.",
    "error": "The model's answer broke off.",
    "unusable": "The model's answer was not in the form that it was asked for, or was refused.",
    "secret": "A secret stands near the place, so no model was asked.",
    "empty": "The model foresaw nothing.",
}
"""Why a rule's edit stands in for the model's."""

PASSING = frozenset({"superseded", "cancelled", "stale"})
"""Codes of answers that nobody waits for any more."""


def sentence(code: str) -> str:
    return REASONS[cast("Code", code)]
