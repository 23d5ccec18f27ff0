"""From the user's code to the buffer through a generator: no special token of any family, in either direction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import BackendUnavailable
from inference.fim.families import FAMILIES, QWEN_CODER, SPECIAL_TOKENS, Family
from inference.fim.prompt import FimPrompt, FimRequest, OtherFile, fim_prompt
from inference.fim.stream import fill
from inference.ports import CompletionRequest, Finished
from inference.scripted import ScriptedAnswer, ScriptedGenerator
from inference.tokens.local import LocalTokenizer
from tests.inference.own_tokenizers import saved
from tests.inference.test_fim_text import TOKEN, hostile, pieces

PROMPT = FimPrompt(text="<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>", stops=QWEN_CODER.stops, tokens=5, files=())


class Speaking(ScriptedGenerator):
    """Says these pieces and minds no stop, as some servers do."""

    def __init__(self, sent: list[str]) -> None:
        super().__init__([])
        self.sent = sent
        self.is_closed = False

    async def complete(self, request: CompletionRequest, *, on_finish: object = None) -> AsyncGenerator[str, None]:
        try:
            for piece in self.sent:
                await asyncio.sleep(0)
                yield piece
        finally:
            self.is_closed = True


async def shown(generator: ScriptedGenerator, prompt: FimPrompt = PROMPT) -> str:
    async with aclosing(fill(generator, prompt, max_tokens=1000, seconds=10)) as middle:
        return "".join([piece async for piece in middle])


@given(st.sampled_from(FAMILIES), pieces)
async def test_no_token_of_any_family_reaches_the_buffer(family: Family, sent: list[str]) -> None:
    generator = Speaking(sent)
    text = await shown(generator, replace(PROMPT, stops=family.stops))
    assert TOKEN.search(text) is None
    assert "".join(sent).startswith(text)
    assert generator.is_closed


@given(st.sampled_from(FAMILIES), st.sampled_from(SPECIAL_TOKENS), st.integers(1, 7))
async def test_a_token_in_pieces_ends_the_middle(family: Family, token: str, size: int) -> None:
    answer = f"value{token} and more"
    generator = ScriptedGenerator([ScriptedAnswer(text=answer, pieces=size)])
    assert await shown(generator, replace(PROMPT, stops=family.stops)) == "value"
    assert generator.open_streams == 0


async def test_what_is_no_token_comes_whole_and_its_end_is_told() -> None:
    told: list[Finished] = []
    generator = ScriptedGenerator([ScriptedAnswer(text="if a <| b: <fim_pre", pieces=3)])
    async with aclosing(fill(generator, PROMPT, max_tokens=1000, seconds=10, on_finish=told.append)) as middle:
        assert "".join([piece async for piece in middle]) == "if a <| b: <fim_pre"
    assert [finished.reason for finished in told] == ["stop"]


async def test_closing_closes_the_model() -> None:
    generator = ScriptedGenerator([ScriptedAnswer(text="x" * 100, pieces=1)])
    middle = fill(generator, PROMPT, max_tokens=1000, seconds=10)
    assert await anext(middle) == "x"
    assert generator.open_streams == 1
    await middle.aclose()
    assert generator.open_streams == 0


async def test_a_failure_passes_and_shows_nothing_that_was_held_back() -> None:
    generator = ScriptedGenerator([ScriptedAnswer(text="ab<|fim_", error="It fell over.")])
    seen: list[str] = []
    with pytest.raises(BackendUnavailable, match="It fell over"):
        async for piece in fill(generator, PROMPT, max_tokens=1000, seconds=10):
            seen.append(piece)
    assert "".join(seen) == "ab"


@pytest.fixture(scope="module")
def every_token(tmp_path_factory: pytest.TempPathFactory) -> LocalTokenizer:
    """A tokenizer that knows the special tokens of all families: the worst that a prompt can meet."""
    return LocalTokenizer(saved(tmp_path_factory.mktemp("every"), "qwen", SPECIAL_TOKENS))


@given(st.sampled_from(FAMILIES), hostile, hostile, hostile)
def test_no_special_id_comes_from_the_users_code_into_a_prompt(
    every_token: LocalTokenizer, family: Family, before: str, after: str, other: str
) -> None:
    special = {every_token.encode(token)[0] for token in SPECIAL_TOKENS}

    def specials(prefix: str, suffix: str, code: str, name: str) -> list[int]:
        request = FimRequest(
            prefix=prefix, suffix=suffix, path=f"a{name}.py", language="Python", repository=f"r{name}",
            files=(OtherFile(path=f"b{name}.py", text=code),),
        )  # fmt: skip
        text = fim_prompt(family, request, budget=20_000, count=len).text
        return [token for token in every_token.encode(text) if token in special]

    assert specials(before, after, other, other) == specials("", "", "", "")
