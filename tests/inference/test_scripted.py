"""What only the scripted generator does: choose by the prompt, run out, fail on request, refuse bad scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import BackendUnavailable
from inference.ports import GenerateRequest, Message
from inference.scripted import ScriptedAnswer, ScriptedGenerator

SCRIPT = """
model = "demo"

[[answer]]
when = ["total", "AssertionError"]
text = "second"

[[answer]]
unless = ["never"]
uses = 1
text = "first"
"""


async def say(generator: ScriptedGenerator, *texts: str) -> str:
    messages = tuple(Message(role="user", content=text) for text in texts)
    return "".join([piece async for piece in generator.stream(GenerateRequest(messages=messages))])


async def test_the_first_answer_that_fits_the_prompt(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    generator = ScriptedGenerator(script)
    assert generator.model == "scripted:demo"
    assert await say(generator, "make total pass") == "first"
    assert await say(generator, "make total pass", "it said AssertionError") == "second"
    with pytest.raises(BackendUnavailable, match="no answer to this prompt"):
        await say(generator, "make total pass")
    with pytest.raises(BackendUnavailable, match="no answer to this prompt"):
        await say(ScriptedGenerator(script), "never")


async def test_fails_when_the_script_says_so() -> None:
    generator = ScriptedGenerator([ScriptedAnswer(text="half of it", error="The model went away.")])
    seen: list[str] = []
    with pytest.raises(BackendUnavailable, match="went away"):
        async for piece in generator.stream(GenerateRequest(messages=())):
            seen.append(piece)
    assert "".join(seen) == "half of it"
    assert generator.open_streams == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("script.toml", "answer = 3", "answer"),
        ("script.toml", "[[answer]]\nwhen = 'x'\nwhat = 1", "what"),
        ("script.toml", "= nonsense", "cannot be used"),
        ("script.json", "[]", "cannot be used"),
        ("script.json", "{", "cannot be used"),
        ("script.toml", "[[answer]]\ndelay = -1", "negative"),
    ],
)
def test_refuses_a_script_it_does_not_understand(tmp_path: Path, name: str, text: str, said: str) -> None:
    script = tmp_path / name
    script.write_text(text)
    with pytest.raises(BackendUnavailable, match=said):
        ScriptedGenerator(script)


def test_refuses_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="cannot be read"):
        ScriptedGenerator(tmp_path / "none.toml")
