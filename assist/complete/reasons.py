"""Why nothing is shown: one code for every empty answer, and a sentence for whoever asks."""

from __future__ import annotations

from typing import Literal, cast

Code = Literal[
    "off",
    "notebook",
    "not_open",
    "out_of_sync",
    "policy",
    "place",
    "debounced",
    "superseded",
    "cancelled",
    "stale",
    "no_backend",
    "busy",
    "timeout",
    "error",
    "empty",
    "no_match",
    "suppressed",
]

REASONS: dict[Code, str] = {
    "off": "Completion is turned off, for all or for this language: `complete.enabled`, `complete.not_for`.",
    "notebook": "Cells of notebooks are not supported.",
    "not_open": "The editor has not opened this document with Assay.",
    "out_of_sync": "A change of the document could not be read; close the file and open it again.",
    "policy": "The file is ignored, holds secrets, or the cursor stands in a secret: nothing of it is read or sent.",
    "place": "Nothing is suggested in the middle of a word, or before other code in the same line.",
    "debounced": "You went on typing before the model was asked.",
    "superseded": "You went on typing while the model was answering; its work was cancelled.",
    "cancelled": "The editor did not want the answer any more.",
    "stale": "The document changed while the answer was on its way.",
    "no_backend": "The model cannot be reached or its settings cannot be used; `assay doctor` says why.",
    "busy": "The model has too much to do, or what may be asked of it is used up.",
    "timeout": "The model did not answer in time: `complete.seconds`.",
    "error": "The model's answer broke off, or something failed here; the log has the details.",
    "empty": "The model had nothing to add.",
    "no_match": "No model is asked, and nothing like this stands in the open files.",
    "suppressed": "Suggestions like this one were seldom taken on this machine: `complete.gate`.",
}
"""With what can be done about it, where something can."""

FILTERED = "filtered:"
"""The code of an answer that a filter did not let through is this and the filter's name."""

PASSING = frozenset({"debounced", "superseded", "cancelled", "stale"})
"""Codes of answers that nobody waits for any more; they say nothing about how things stand."""


def sentence(code: str) -> str:
    """What a code says, for people."""
    if code.startswith(FILTERED):
        return f"The answer was not fit to be shown: {code.removeprefix(FILTERED).replace('_', ' ')}."
    return REASONS[cast("Code", code)]
