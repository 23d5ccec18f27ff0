"""What a model's answer may be, and what of a file it is shown."""

from __future__ import annotations

import pytest

from assist.nextedit.foresee import InSecret, Model, foresee, read_answer, region_at
from assist.nextedit.values import Change, File
from inference.errors import BadOutput
from inference.scripted import ScriptedAnswer, ScriptedGenerator

BEFORE = "def f(a):\n    return a\n\n\nx = f(1)\n"
NOW = "def f(a, b):\n    return a\n\n\nx = f(1)\n"
FILE = File(document="a", path="a.py", language="python", text=NOW, version=2)
CHANGE = Change(file=FILE, first=0, before="def f(a):\n", after="def f(a, b):\n")


def said(text: str) -> str:
    return f"BEGIN region\n{text}END\n"


REFUSED = {
    "prose": "I would add b=2 to the call.\n",
    "prose around": f"Sure!\n{said(NOW)}",
    "no end": f"BEGIN region\n{NOW}",
    "it takes back": said(BEFORE),
    "no Python": said(NOW.replace("f(1)", "f(1")),
    "a special token": said(NOW.replace("f(1)", "f(1)  # <|im_end|>")),
    "the cursor's mark": said(NOW.replace("f(1)", "f(<|cursor|>1)")),
    "a secret": said(NOW.replace("f(1)", 'f("AKIA' + "IOSFODNN7EXAMPLF" + '")')),
    "another program": said(NOW + "y = 1\n" * 20),
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(answer: str) -> None:
    with pytest.raises(BadOutput):
        read_answer(answer, region_at(FILE, 0), (CHANGE,))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_is_read_as_the_smallest_edits(ending: str) -> None:
    file = File(document="a", path="a.py", language="python", text=NOW.replace("\n", ending))
    region = region_at(file, 0)
    [edit] = read_answer(said(NOW.replace("f(1)", "f(1, 2)")), region)
    at = file.text.index("f(1)") + 3
    assert (edit.start, edit.end, edit.text, edit.origin) == (at, at, ", 2", "model")
    assert read_answer(said(NOW), region) == ()


@pytest.mark.parametrize("place", ["region", "change"])
async def test_a_secret_is_not_shown(place: str) -> None:
    secret = 'KEY = "AKIA' + "IOSFODNN7EXAMPLF" + '"\n'
    text = secret + NOW if place == "region" else NOW
    file = File(document="a", path="a.py", language="python", text=text)
    change = Change(file=file, first=0, before="" if place == "region" else secret, after="")
    generator = ScriptedGenerator([])  # which fails when it is asked
    with pytest.raises(InSecret):
        await foresee(Model(generator=generator, seconds=5.0), region_at(file, 0), 0, (change,))


async def test_the_model_sees_the_change_and_the_cursor() -> None:
    generator = ScriptedGenerator(
        [
            ScriptedAnswer(
                text=said(NOW.replace("f(1)", "f(1, 2)")),
                when=("-def f(a):\n+def f(a, b):", "x = f(<|cursor|>1)", "line 1 to line 5", "f became"),
            )
        ]
    )
    at = NOW.index("f(1)") + 2
    region = region_at(FILE, at)
    [edit] = await foresee(Model(generator=generator, seconds=5.0), region, at, (CHANGE,), "f became")
    assert edit.text == ", 2"
