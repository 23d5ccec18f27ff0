"""Which family a served model belongs to, and that the table is sound."""

from __future__ import annotations

import pytest

from inference.fim.families import FAMILIES, SPECIAL_TOKENS, Family, family_of

MODELS = (
    ("Qwen/Qwen2.5-Coder-7B", "qwen-coder"),
    ("Qwen/Qwen2.5-Coder-1.5B-Instruct-AWQ", "qwen-coder"),
    ("qwen2.5-coder:7b-base-q4_K_M", "qwen-coder"),
    ("qwen2.5-coder-32b-instruct-q8_0.gguf", "qwen-coder"),
    ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen-coder"),
    ("models--Qwen--Qwen2.5-Coder-7B/snapshots/0396a76181e127dfc13e5c5ec48a8cee09938b02", "qwen-coder"),
    ("/models/starcoder-team/Qwen2.5-Coder-7B", "qwen-coder"),
    ("Qwen/CodeQwen1.5-7B", "codeqwen1.5"),
    ("bigcode/starcoder2-3b", "starcoder2"),
    ("starcoder2:15b", "starcoder2"),
    ("bigcode/starcoder", "starcoder"),
    ("bigcode/starcoderbase-1b", "starcoder"),
    ("bigcode/tiny_starcoder_py", "starcoder"),
    ("starcoder:7b", "starcoder"),
    ("bigcode/santacoder", "santacoder"),
    ("bigcode/gpt_bigcode-santacoder", "santacoder"),
    ("deepseek-ai/deepseek-coder-6.7b-base", "deepseek-coder"),
    ("deepseek-coder-v2:16b-lite-base-q4_0", "deepseek-coder"),
    ("deepseek-ai/DeepSeek-Coder-V2-Lite-Base", "deepseek-coder"),
    ("codellama/CodeLlama-7b-hf", "codellama"),
    ("codellama:13b-code", "codellama"),
    ("meta-llama/CodeLlama-13b-hf", "codellama"),
    ("codestral-latest", "codestral"),
    ("codestral-2501", "codestral"),
    ("mistralai/Codestral-22B-v0.1", "codestral"),
    ("google/codegemma-2b", "codegemma"),
    ("codegemma:7b-code", "codegemma"),
    ("ibm-granite/granite-8b-code-base-4k", "granite-code"),
    ("granite-code:3b", "granite-code"),
    ("ibm-granite/granite-34b-code-base-8k", "granite-code"),
    ("ibm-granite/granite-3.3-8b-base", "granite-3.3"),
    ("granite3.3:8b", "granite-3.3"),
    ("ibm-granite/granite-4.0-h-tiny-base", "granite-4"),
    ("granite4:tiny-h", "granite-4"),
    ("ibm-granite/granite-4.1-8b", "granite-4"),
    ("ByteDance-Seed/Seed-Coder-8B-Base", "seed-coder"),
    ("JetBrains/Mellum-4b-base", "mellum"),
    ("JetBrains/Mellum2-12B-A2.5B", "mellum"),
    ("stabilityai/stable-code-3b", "stable-code"),
    ("stable-code:3b-code-fp16", "stable-code"),
    ("smallcloudai/Refact-1_6B-fim", "refact"),
    ("THUDM/codegeex4-all-9b", "codegeex4"),
    ("codegeex4:9b", "codegeex4"),
    ("zai-org/GLM-4.5-Air", "glm-4"),
    ("mercury-coder-small", "mercury"),
)
WITHOUT = (
    "codellama/CodeLlama-34b-hf",
    "codellama:34b-code",
    "codellama/CodeLlama-70b-hf",
    "codellama/CodeLlama-7b-Python-hf",
    "mistralai/Mamba-Codestral-7B-v0.1",
    "ibm-granite/granite-3.1-8b-base",
    "granite3.2:8b",
    "infly/OpenCoder-8B-Base",
    "Qwen/Qwen2.5-7B-Instruct",
    "qwen3:8b",
    "deepseek-ai/DeepSeek-V3",
    "google/gemma-2-9b-it",
    "gpt-4o-mini",
    "code_llm",
    "",
)


@pytest.mark.parametrize(("model", "family"), MODELS)
def test_a_model_is_known_by_its_name(model: str, family: str) -> None:
    found = family_of(model)
    assert found is not None
    assert found.name == family


@pytest.mark.parametrize("model", WITHOUT)
def test_a_model_that_cannot_fill_in_or_is_not_known_has_no_family(model: str) -> None:
    assert family_of(model) is None


def test_every_family_can_be_found() -> None:
    assert {family for _, family in MODELS} == {family.name for family in FAMILIES}
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_a_prompt_is_made_of_ends_a_middle_and_is_stripped(family: Family) -> None:
    assert set(family.fim_tokens) <= set(family.special_tokens) <= set(SPECIAL_TOKENS)
    assert set(family.special_tokens) <= set(family.stops)
    assert len(set(family.special_tokens)) == len(family.special_tokens)


@pytest.mark.parametrize(
    ("model", "first"),
    [
        ("starcoder2-3b", "<file_sep>"),
        ("codellama-7b", "<EOT>"),
        ("codegemma-2b", "<|file_separator|>"),
        ("qwen2.5-coder", "<|endoftext|>"),
    ],
)
def test_the_stop_that_matters_most_comes_first(model: str, first: str) -> None:
    family = family_of(model)
    assert family is not None
    assert family.stops[0] == first


def test_no_token_has_a_line_break_and_none_can_arise_where_a_mark_meets_the_users_text() -> None:
    assert all("\n" not in token and token == token.strip() for token in SPECIAL_TOKENS)
    for token in SPECIAL_TOKENS:
        for other in SPECIAL_TOKENS:
            overlaps = [n for n in range(1, min(len(token), len(other))) if token[-n:] == other[:n]]
            assert not overlaps, (token, other)
