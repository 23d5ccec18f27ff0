"""What is checked of a served model: its tokens, and the order it was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from inference.fim.check import BEST_SCORE, Encode, check_tokens, families_that_fit, probe_order
from inference.fim.families import (
    CODESTRAL,
    FAMILIES,
    GRANITE_3_3,
    GRANITE_4,
    MELLUM,
    QWEN_CODER,
    STARCODER2,
    Family,
    Order,
)


def served(tokens: Sequence[str]) -> Encode:
    """A real tokenizer: these special tokens, and bytes for all else."""
    tokenizer = Tokenizer(BPE({byte: n for n, byte in enumerate(sorted(ByteLevel.alphabet()))}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(list(tokens))
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_model_with_the_familys_tokens_has_no_problems(family: Family) -> None:
    assert check_tokens(family, served(family.special_tokens)) == ()
    assert family in families_that_fit(served(family.special_tokens))


def test_each_token_that_is_not_one_id_is_named() -> None:
    assert check_tokens(QWEN_CODER, served(["<|fim_prefix|>", "<|fim_suffix|>", "<|repo_name|>", "<|file_sep|>"])) == (
        "<|fim_middle|> of qwen-coder is 14 tokens in the served model, not 1.",
    )
    problems = check_tokens(STARCODER2, served([]))
    assert [problem.split()[0] for problem in problems] == [
        "<file_sep>", "<repo_name>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>",
    ]  # fmt: skip


def test_tokens_that_are_all_unknown_are_not_taken_for_known() -> None:
    assert check_tokens(CODESTRAL, lambda text: [0]) == (
        "[PREFIX] and [SUFFIX] of codestral are the same token in the served model.",
    )


def test_a_wrong_choice_names_the_families_that_fit() -> None:
    encode = served(GRANITE_3_3.special_tokens)
    assert GRANITE_3_3 in families_that_fit(encode)
    assert GRANITE_4 not in families_that_fit(encode)
    assert "granite-3.3" in check_tokens(GRANITE_4, encode)[-1]


class Model:
    """Knows one order: fills each hole there; the other way round it begins right and goes on, or rambles."""

    def __init__(self, order: Order, *, lost: str = "{answer} + suffix again\n") -> None:
        self._order = order
        self._lost = lost
        self.prompts: list[str] = []

    async def complete(self, prompt: str) -> str:
        self.prompts.append(prompt)
        hole, answer = next((hole, answer) for hole, answer in ANSWERS.items() if hole in prompt)
        suffix_first = prompt.find("assert") < prompt.find(hole)
        if suffix_first == (self._order == "suffix-first"):
            return f"{answer}<|endoftext|>\nmore"
        return self._lost.format(answer=answer)


ANSWERS = {"total = first + ": "second", '["red", "green", "': "blue", "value = json.": "loads"}
ORDERS: tuple[Order, ...] = ("prefix-first", "suffix-first")


@pytest.mark.parametrize("family", [QWEN_CODER, CODESTRAL, MELLUM, STARCODER2], ids=lambda family: family.name)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tabled", ORDERS)
async def test_the_order_that_a_model_knows_is_found_whatever_the_table_says(
    family: Family, order: Order, tabled: Order
) -> None:
    model = Model(order)
    found = await probe_order(replace(family, order=tabled), model.complete)
    assert found.order == order
    assert max(found.prefix_first, found.suffix_first) == BEST_SCORE
    assert min(found.prefix_first, found.suffix_first) == BEST_SCORE // 2
    assert len(set(model.prompts)) == 6


@pytest.mark.parametrize("reply", ["", "def", "secondary blueish loadsman", "<|fim_middle|>second"])
async def test_answers_that_tell_nothing_settle_nothing(reply: str) -> None:
    async def complete(prompt: str) -> str:
        return reply

    found = await probe_order(QWEN_CODER, complete)
    assert (found.order, found.prefix_first, found.suffix_first) == (None, 0, 0)


async def test_a_model_that_fills_in_either_way_settles_nothing() -> None:
    model = Model("prefix-first", lost="{answer}")
    assert (await probe_order(QWEN_CODER, model.complete)).order is None


async def test_one_lucky_answer_is_not_enough() -> None:
    async def complete(prompt: str) -> str:
        return "second" if prompt.startswith("<|fim_prefix|>def add") else "x"

    found = await probe_order(QWEN_CODER, complete)
    assert (found.order, found.prefix_first) == (None, 2)


async def test_errors_of_the_model_pass_through() -> None:
    async def complete(prompt: str) -> str:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await probe_order(QWEN_CODER, complete)
