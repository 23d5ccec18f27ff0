"""Prompts are Markdown files beside this module, with `{{name}}` where a value goes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "prompts"
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def render(name: str, **values: str) -> str:
    """The prompt with every place filled in.

    :raises KeyError: for a place without a value; a value without a place is a mistake, too (ValueError).
    """
    text = _read(name)
    if unknown := values.keys() - set(_PLACE.findall(text)):
        raise ValueError(f"{name}.md has no place for {', '.join(sorted(unknown))}")
    # One pass, so that what looks like a place inside a value stays as it is.
    return _PLACE.sub(lambda place: values[place.group(1)], text).strip() + "\n"


@cache
def _read(name: str) -> str:
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
