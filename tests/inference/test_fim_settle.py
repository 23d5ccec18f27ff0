"""What is settled about a served model when it starts: by its name, a real tokenizer and a generator's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from inference.fim.check import Encode
from inference.fim.families import (
    CODESTRAL,
    DEEPSEEK_CODER,
    FAMILIES,
    GRANITE_3_3,
    MELLUM,
    QWEN_CODER,
    SEED_CODER,
    STARCODER2,
    Family,
    Order,
)
from inference.fim.settle import settle
from inference.scripted import ScriptedAnswer, ScriptedGenerator
from inference.tokens.local import LocalTokenizer
from tests.inference.own_tokenizers import saved

HOLES = (
    ("total = first + ", "second", "\n    return total"),
    ('["red", "green", "', "blue", '"]'),
    ("value = json.", "loads", "(text)"),
)


def model(name: str, family: Family, order: Order | None) -> ScriptedGenerator:
    """Fills each hole in its order, and says something else in the other; None fills in nothing."""
    answers: list[ScriptedAnswer] = []
    for before, answer, after in HOLES:
        prefix_first = before + family.suffix_mark + after
        if order == "prefix-first":
            answers.append(ScriptedAnswer(text=answer, when=(prefix_first,), pieces=3))
        elif order == "suffix-first":
            answers.append(ScriptedAnswer(text=answer, when=(before,), unless=(prefix_first,), pieces=3))
    generator = ScriptedGenerator([*answers, ScriptedAnswer(text="def unrelated():")])
    generator._name = name  # pyright: ignore[reportPrivateUsage]
    return generator


def tokenizer(folder: Path, special: Sequence[str]) -> Encode:
    return LocalTokenizer(saved(folder, "qwen", special)).encode


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("openai:Qwen/Qwen2.5-Coder-7B", QWEN_CODER),
        ("triton:starcoder2-3b", STARCODER2),
        ("deepseek-ai/deepseek-coder-6.7b-base", DEEPSEEK_CODER),
        ("ByteDance-Seed/Seed-Coder-8B-Base", SEED_CODER),
        ("JetBrains/Mellum-4b-base", MELLUM),
        ("ibm-granite/granite-3.3-8b-base", GRANITE_3_3),
    ],
)
async def test_name_tokens_and_answers_agree(tmp_path: Path, name: str, family: Family) -> None:
    settled = await settle(model(name, family, family.order), tokenizer(tmp_path, family.special_tokens))
    assert settled.family == family
    assert settled.is_checked
    assert settled.explanation.startswith(f"{family.name}, known by the model's name, its tokens checked; ")
    assert f"says {family.order} (" in settled.explanation


async def test_the_answers_decide_the_order_against_the_table(tmp_path: Path) -> None:
    generator = model("starcoder2-3b", STARCODER2, "suffix-first")
    settled = await settle(generator, tokenizer(tmp_path, STARCODER2.special_tokens))
    assert settled.family is not None
    assert (settled.family.name, settled.family.order) == ("starcoder2", "suffix-first")
    assert settled.explanation.endswith("says suffix-first (0 to 6 points), although the table says prefix-first.")


async def test_answers_that_do_not_tell_leave_the_tables_order(tmp_path: Path) -> None:
    settled = await settle(model("starcoder2", STARCODER2, None), tokenizer(tmp_path, STARCODER2.special_tokens))
    assert settled.family == STARCODER2
    assert "did not tell the order (0 to 0 points), so it is prefix-first" in settled.explanation


async def test_tokens_that_the_model_lacks_mean_no_completions(tmp_path: Path) -> None:
    settled = await settle(
        model("qwen2.5-coder", QWEN_CODER, "prefix-first"), tokenizer(tmp_path, GRANITE_3_3.special_tokens)
    )
    assert settled.family is None
    assert settled.probe is None
    assert settled.explanation.startswith("No completions: <|fim_prefix|> of qwen-coder is ")
    assert settled.explanation.endswith(
        " tokens in the served model, not 1, and 2 more; the model has the tokens of granite-3.3, stable-code, refact."
    )


async def test_without_the_tokens_for_other_files_there_are_completions_of_one_file(tmp_path: Path) -> None:
    settled = await settle(
        model("qwen2.5-coder", QWEN_CODER, "prefix-first"), tokenizer(tmp_path, QWEN_CODER.fim_tokens)
    )
    assert settled.family == replace(QWEN_CODER, repository=None)
    assert "its tokens checked, but <|file_sep|> of qwen-coder is " in settled.explanation
    assert "so other files are left out; " in settled.explanation


@pytest.mark.parametrize("family", [QWEN_CODER, SEED_CODER, CODESTRAL, DEEPSEEK_CODER], ids=lambda each: each.name)
async def test_without_a_name_the_tokens_and_answers_tell(tmp_path: Path, family: Family) -> None:
    settled = await settle(model("code_llm", family, family.order), tokenizer(tmp_path, family.special_tokens))
    assert settled.family is not None
    assert settled.family.fim_tokens == family.fim_tokens
    assert settled.family.order == family.order
    assert settled.family.repository is None
    assert "as its name says nothing" in settled.explanation


async def test_tokens_alone_are_not_enough_as_many_models_have_them_unused(tmp_path: Path) -> None:
    settled = await settle(
        model("Qwen2.5-7B-Instruct", QWEN_CODER, None), tokenizer(tmp_path, QWEN_CODER.special_tokens)
    )
    assert settled.family is None
    assert "has the tokens of qwen-coder" in settled.explanation


@pytest.mark.parametrize(
    ("name", "has_tokenizer", "says"),
    [
        ("gemma-2-9b-it", True, "has the tokens of no known family"),
        ("gemma-2-9b-it", False, "says no family, and there is no tokenizer"),
    ],
)
async def test_a_model_that_cannot_fill_in_is_not_asked(
    tmp_path: Path, name: str, has_tokenizer: bool, says: str
) -> None:
    generator = ScriptedGenerator([ScriptedAnswer(error="never asked")])
    generator._name = name  # pyright: ignore[reportPrivateUsage]
    settled = await settle(generator, tokenizer(tmp_path, ["<bos>", "<eos>"]) if has_tokenizer else None)
    assert settled.family is None
    assert says in settled.explanation


async def test_without_a_tokenizer_a_known_name_is_trusted_and_said_so() -> None:
    settled = await settle(model("qwen2.5-coder", QWEN_CODER, "prefix-first"), None)
    assert settled.family == QWEN_CODER
    assert not settled.is_checked
    assert "tokens not checked" in settled.explanation


async def test_the_settings_win_over_the_name(tmp_path: Path) -> None:
    generator = model("qwen2.5-coder", MELLUM, "suffix-first")
    settled = await settle(generator, tokenizer(tmp_path, MELLUM.special_tokens), MELLUM)
    assert settled.family == MELLUM
    assert "chosen in the settings" in settled.explanation


async def test_a_model_that_does_not_answer_has_no_completions_and_the_reason_is_told() -> None:
    generator = ScriptedGenerator([ScriptedAnswer(error="It is still loading.")])
    generator._name = "qwen2.5-coder"  # pyright: ignore[reportPrivateUsage]
    settled = await settle(generator, None)
    assert settled.family is None
    assert settled.explanation == "qwen-coder could not be tried, so there are no completions: It is still loading."


async def test_no_answer_is_left_open() -> None:
    generator = ScriptedGenerator([ScriptedAnswer(text="x" * 100_000)])
    generator._name = "qwen2.5-coder"  # pyright: ignore[reportPrivateUsage]
    await settle(generator, None)
    assert generator.open_streams == 0


def test_families_are_told_apart_by_more_than_their_name() -> None:
    assert len({(family.fim_tokens, family.order, family.start) for family in FAMILIES}) >= 9
