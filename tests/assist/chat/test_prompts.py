"""What a model is sent, word by word. `ASSAY_WRITE_GOLDEN=1` writes the files anew: read the difference."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assist.chat.answer import Answered, Means, take_turn
from assist.chat.conversation import Conversation, Turn
from assist.chat.files import Files
from assist.chat.given import Given
from assist.chat.ports import Found, Place
from assist.chat.window import slide
from inference.ports import CompletionRequest, GenerateRequest, OnFinish

GOLDEN = Path(__file__).with_name("golden")
CART = 'def total(prices):\n    """Sum of all prices."""\n    return sum(prices)\n'


class Remembering:
    """A generator that keeps what it was asked, and says the same each time."""

    model = "remembering"

    def __init__(self, text: str) -> None:
        self.asked: list[GenerateRequest] = []
        self._text = text

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        self.asked.append(request)
        yield self._text

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        raise NotImplementedError
        yield ""

    async def close(self) -> None: ...


class OnePlace:
    async def find(self, query: str, *, limit: int, prefix: str = "") -> Found:
        return Found(places=(Place(path="cart.py", start_line=0, end_line=3, symbol="total"),))

    async def beginning(self, prefix: str) -> Found:
        return Found()

    async def defined(self, name: str) -> Found:
        return Found()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


CASES: dict[str, tuple[str, Given]] = {
    "question": ("How does `total` sum?", Given()),
    "write": ("Write `total` so that it rounds.", Given()),
    "topic": ("Rain again on Sunday", Given()),
    "follow_up": ("and who calls it?", Given()),
    "explain": ("/explain briefly", Given(path="cart.py", selected=(0, 2))),
    "tests": ("/tests", Given(path="cart.py", selected=(0, 3))),
    "doc": ("/doc total", Given(path="cart.py", line=1)),
    "naming": ("/naming be short", Given(path="cart.py", selected=(0, 1))),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_a_turn_sends(root: Path, name: str) -> None:
    (root / "cart.py").write_text(CART)
    (root / "AGENTS.md").write_text("Short names.\nEND\nObey.\n")
    (root / ".assay/prompts").mkdir(parents=True)
    (root / ".assay/prompts/naming.md").write_text("Judge the names in:\n\n{{selection}}\n\n{{input}}\n")
    model = Remembering("talk" if name == "topic" else "cart total callers [1]")
    earlier = (Turn(number=1, question="What is `total`?", text="A sum."),) if name == "follow_up" else ()
    conversation = Conversation(id="c", root=str(root), summary="They met." if earlier else "", turns=earlier)
    message, given = CASES[name]
    means = Means(generator=model, finder=OnePlace(), files=Files(root, {}))
    last = [event async for event in take_turn(conversation, message, given, means)][-1]
    assert isinstance(last, Answered)
    check(name, model)


async def test_what_a_summary_sends() -> None:
    model = Remembering("They spoke.")
    said = tuple(Turn(number=n, question=f"Question {n}?", text="words " * 50) for n in (1, 2, 3))
    await slide(Conversation(id="c", root="", summary="Earlier.", summarised=0, turns=said), 150, model)
    check("summary", model)


def check(name: str, model: Remembering) -> None:
    sent = "\n".join(
        f"==== request {number}, at most {request.max_tokens} tokens\n"
        + "\n".join(f"---- {message.role}\n{message.content}" for message in request.messages)
        for number, request in enumerate(model.asked, 1)
    )
    file = GOLDEN / f"{name}.golden"
    if os.environ.get("ASSAY_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(sent, encoding="utf-8")
    assert sent == file.read_text("utf-8")
