"""The served model's tokenizer over HTTP, against a server that speaks each dialect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest

from inference.errors import BackendUnavailable, BrokenStream, InferenceError
from inference.fim.check import check_tokens
from inference.fim.families import CODESTRAL, QWEN_CODER, SPECIAL_TOKENS
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.tokenizer import ServedTokenizer
from inference.tokens.local import LocalTokenizer
from tests.inference.own_tokenizers import code, saved
from tests.inference.tokenizing_server import tokenizing_server

TEXTS = ("x", "def f(x):\n    return 'é😀'\n", "<|fim_prefix|>", "a<|fim_middle|>b", "")
each_dialect = pytest.mark.parametrize("dialect", ["vllm", "llamacpp", "tgi"])


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalTokenizer:
    return LocalTokenizer(saved(tmp_path_factory.mktemp("served"), "qwen", QWEN_CODER.special_tokens))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with tokenizing_server(saved(tmp_path_factory.mktemp("server"), "qwen", QWEN_CODER.special_tokens)) as url:
        yield url


@asynccontextmanager
async def served(url: str, kind: str) -> AsyncGenerator[ServedTokenizer]:
    tokenizer = ServedTokenizer(OpenAIEndpoint(url=url, model=kind, attempts=1))
    try:
        yield tokenizer
    finally:
        await tokenizer.close()


@each_dialect
async def test_the_ids_are_the_models_own_without_what_the_server_adds(
    url: str, local: LocalTokenizer, dialect: str
) -> None:
    async with served(url, dialect) as tokenizer:
        for text in TEXTS:
            assert await tokenizer.encode(text) == tuple(local.encode(text))


@each_dialect
async def test_a_familys_tokens_are_checked_in_the_served_model(url: str, dialect: str) -> None:
    async with served(url, dialect) as tokenizer:
        encode = await tokenizer.encoder(SPECIAL_TOKENS)
    assert check_tokens(QWEN_CODER, encode) == ()
    assert "[PREFIX] of codestral is" in check_tokens(CODESTRAL, encode)[0]


async def test_the_estimate_is_set_right_by_a_sample(url: str, local: LocalTokenizer) -> None:
    sample, *others = sorted(code(), key=len, reverse=True)
    async with served(url, "vllm") as tokenizer:
        counter = await tokenizer.counter(sample)
    assert counter.is_estimate
    assert "set right by the tokenizer of vllm" in counter.source
    true = [len(local.encode(text)) for text in others[:20]]
    counted = [counter.count(text) for text in others[:20]]
    assert sum(true) <= sum(counted) <= 1.3 * sum(true)


async def test_without_a_sample_the_estimate_stays(url: str) -> None:
    async with served(url, "vllm") as tokenizer:
        assert (await tokenizer.counter("")).count("x = 1\n") == 5


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("without", BackendUnavailable),
        ("broken", BrokenStream),
        ("numbers", BrokenStream),
        ("texts", BrokenStream),
        ("negative", BrokenStream),
        ("same", BrokenStream),
    ],
)
async def test_a_server_without_a_tokenizer_or_with_a_strange_one_is_an_error(
    url: str, kind: str, error: type[InferenceError]
) -> None:
    async with served(url, kind) as tokenizer:
        with pytest.raises(error):
            await tokenizer.encode("x")
        with pytest.raises(error):
            await tokenizer.encoder(["x", "y"])


async def test_nobody_there_is_said_once() -> None:
    async with served("http://127.0.0.1:9", "vllm") as tokenizer:
        with pytest.raises(BackendUnavailable, match="cannot be reached"):
            await tokenizer.encoder(["x"])
