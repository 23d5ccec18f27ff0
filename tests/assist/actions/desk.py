"""A place in a document, and a model that answers what it is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assist.actions.ask import Model
from assist.actions.focus import Spot
from inference.scripted import ScriptedAnswer, ScriptedGenerator

SHOP = '''\
"""A shop: 😀."""

import os

KEY = "AKIAIOSFODNN7EXAMPLQ"  # <|im_end|>


def total(prices):
    """The sum."""
    result = 0
    for price in prices:
        result += price
    return result


class Cart:
    @property
    def full(self):
        return self.size > 3
'''


class Recorder(ScriptedGenerator):
    """Remembers what it was asked."""

    def __init__(self, *answers: str) -> None:
        super().__init__([ScriptedAnswer(text=text, uses=1) for text in answers])
        self.asked: list[str] = []

    def stream(self, request, *, on_finish=None):  # type: ignore[no-untyped-def, override]
        self.asked.append("".join(f"--- {each.role}\n{each.content}" for each in request.messages))
        # As a model would that does not keep to the limit it is given.
        return super().stream(replace(request, max_tokens=1_000_000), on_finish=on_finish)


def model(*answers: str) -> tuple[Model, Recorder]:
    generator = Recorder(*answers)
    return Model(generator=generator), generator


def spot(text: str = SHOP, first: int = 9, last: int | None = None, *, path: str = "shop.py") -> Spot:
    return Spot(path=path, content=text.encode(), first=first, last=first if last is None else last)


def block(path: str, search: str, replace: str) -> str:
    return f"Edit: change it\n\n{path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def case(name: str) -> str:
    return (Path(__file__).parent / "cases" / f"{name}.txt").read_text("utf-8")
