"""Why nothing was run after a save: one code for each, and a sentence for whoever asks."""

from __future__ import annotations

from typing import Literal, cast

Code = Literal[
    "off",
    "untrusted",
    "no_sandbox",
    "battery",
    "busy_machine",
    "budget",
    "no_tests",
    "interrupted",
    "unusable",
    "error",
]

REASONS: dict[Code, str] = {
    "off": "Working along is turned off: `along.enabled`.",
    "untrusted": "The workspace is not trusted, so nothing is run.",
    "no_sandbox": "There is no sandbox here, so nothing is run; `assay doctor` says why.",
    "battery": "The machine lives on its battery.",
    "busy_machine": "The machine had too much to do for ten minutes: `along.load`.",
    "budget": "This hour's seconds are used up: `along.seconds_per_hour`.",
    "no_tests": "No test touches the file that was saved.",
    "interrupted": "You saved again, or ran a command.",
    "unusable": "The tests could not be run; the detail says why.",
    "error": "Something failed here; the log has the details.",
}
"""With what can be done about it, where something can."""


def sentence(code: str) -> str:
    return REASONS[cast("Code", code)]
