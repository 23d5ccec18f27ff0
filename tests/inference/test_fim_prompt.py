"""Prompts: every family's two layouts as they stand in fim_cases, what fits a budget, and what keeps a cache warm."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.fim.families import CODESTRAL, FAMILIES, QWEN_CODER, SEED_CODER, Family
from inference.fim.prompt import Count, FimRequest, OtherFile, fim_prompt
from tests.inference.test_fim_text import TOKEN, hostile

CASES = Path(__file__).parent / "fim_cases"
FILES = (
    OtherFile(path="shop/prices.py", text="def price(item):\n    return item.cents / 100\n"),
    OtherFile(path="shop/items.py", text="class Item:\n    cents = 0"),
)
REQUEST = FimRequest(
    prefix="from shop.prices import price\n\n\ndef total(items):\n    ",
    suffix="\n    return result\n\n\nprint(total([]))\n",
    path="shop/cart.py",
    language="Python",
    repository="shop",
)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def words(text: str) -> int:
    """A tokenizer of a kind: words, single signs, and spaces in fours."""
    return len(re.findall(r"\w{1,6}| {1,4}|[^\w ]", text))


def quarters(text: str) -> int:
    """The estimate where there is no tokenizer. The parts' tokens add up to more than those of the whole."""
    return -(-len(text) // 4)


@each_family
@pytest.mark.parametrize("level", ["file", "repository"])
def test_the_layout_of_each_family(family: Family, level: str) -> None:
    request = REQUEST if level == "file" else replace(REQUEST, files=FILES)
    with (CASES / f"{family.name}.{level}.txt").open(encoding="utf-8", newline="") as file:
        expected = file.read()
    prompt = fim_prompt(family, request, budget=1000, count=words)
    assert prompt.text == expected
    assert prompt.tokens == words(expected)
    assert prompt.stops == family.stops


def test_every_case_is_a_familys() -> None:
    assert {path.name for path in CASES.iterdir()} == {
        f"{family.name}.{level}.txt" for family in FAMILIES for level in ("file", "repository")
    }


@each_family
def test_a_family_without_a_layout_for_files_leaves_them_out(family: Family) -> None:
    prompt = fim_prompt(family, replace(REQUEST, files=FILES), budget=1000, count=words)
    assert (prompt.files == ()) == (family.repository is None)


@given(st.sampled_from(FAMILIES), hostile, hostile, hostile, st.sampled_from(["", "a/b.py"]), st.booleans())
def test_special_tokens_stand_where_the_layout_has_them_whatever_the_users_code(
    family: Family, before: str, after: str, name: str, path: str, with_files: bool
) -> None:
    files = (OtherFile(path=name, text=after), OtherFile(path="z" + name, text=before)) if with_files else ()
    request = FimRequest(
        prefix=before, suffix=after, path=path + name, language=name, repository="x" + name, files=files
    )
    if any(file.path == request.path for file in files):
        request = replace(request, path=request.path + "x")
    harmless = FimRequest(
        prefix="", suffix="", path="p", repository="r",
        files=tuple(OtherFile(path=str(n), text="") for n in range(len(files))),
    )  # fmt: skip
    text = fim_prompt(family, request, budget=20_000, count=len).text
    assert TOKEN.findall(text) == TOKEN.findall(fim_prompt(family, harmless, budget=20_000, count=len).text)


@each_family
def test_a_name_cannot_break_out_of_its_line(family: Family) -> None:
    files = (OtherFile(path="a\nimport os\r#", text="b\n"),)
    request = replace(REQUEST, path="x\n\ny.py", repository="r\u2028s\x85t", language="P\ny", files=files)
    prompt = fim_prompt(family, request, budget=1000, count=words)
    tame = replace(
        REQUEST, path="x y.py", repository="r s t", language="P y", files=(OtherFile(path="a import os #", text="b\n"),)
    )
    assert prompt.text == fim_prompt(family, tame, budget=1000, count=words).text


@given(
    st.sampled_from(FAMILIES), st.integers(60, 400), st.sampled_from([len, words, quarters]), st.integers(0, 80),
    st.integers(0, 80), st.lists(st.integers(0, 30), max_size=4),
)  # fmt: skip
def test_a_prompt_keeps_to_its_budget_and_its_parts_to_whole_lines(
    family: Family, budget: int, count: Count, above: int, below: int, others: list[int]
) -> None:
    request = FimRequest(
        prefix="".join(f"above {n}\n" for n in range(above)) + "here",
        suffix="tail\n" + "".join(f"below {n}\n" for n in range(below)),
        path="p",
        files=tuple(OtherFile(path=f"f{n}", text="other\n" * lines) for n, lines in enumerate(others)),
    )
    try:
        prompt = fim_prompt(family, request, budget=budget, count=count)
    except ValueError:
        frame = replace(request, prefix="", suffix="", files=(OtherFile(path="p", text=""),) if request.files else ())
        assert fim_prompt(family, frame, budget=10_000, count=count).tokens > budget
        return
    assert prompt.tokens == count(prompt.text) <= budget
    shown_above = [int(n) for n in re.findall(r"above (\d+)\n", prompt.text)]
    assert shown_above == list(range(above))[above - len(shown_above) :]
    shown_below = [int(n) for n in re.findall(r"below (\d+)(?!\d)", prompt.text)]
    assert shown_below == list(range(below))[: len(shown_below)]
    assert prompt.text.count("other\n") == sum(others[int(path[1:])] for path in prompt.files)


def numbered(name: str, lines: int) -> str:
    return "".join(f"{name} = {n}\n" for n in range(lines))


def test_the_code_before_the_hole_gets_the_larger_share() -> None:
    request = replace(REQUEST, prefix=numbered("above", 500), suffix="\n" + numbered("below", 500))
    text = fim_prompt(QWEN_CODER, request, budget=800, count=words).text
    assert text.count("above") > 2 * text.count("below") > 0
    assert "above = 499\n<|fim_suffix|>\nbelow = 0\n" in text


def test_as_many_lines_as_fit_are_kept_next_to_the_hole() -> None:
    long, short = "x = 1  " * 40 + "\n", "x = 1\n"
    request = replace(REQUEST, prefix=long * 20 + short * 20, suffix="\n" + short * 20 + long * 20)
    text = fim_prompt(QWEN_CODER, request, budget=300, count=words).text
    before, after = text.split("<|fim_suffix|>")
    assert before.endswith(short * 20)
    assert after.startswith("\n" + short * 5)


def test_a_text_may_have_more_tokens_than_its_parts() -> None:
    def count(text: str) -> int:
        return words(text) + (40 if "above" in text and "below" in text else 0)

    request = replace(REQUEST, prefix=numbered("above", 500), suffix="\n" + numbered("below", 500))
    prompt = fim_prompt(QWEN_CODER, request, budget=300, count=count)
    assert count(prompt.text) == prompt.tokens <= 300
    assert "above = 499" in prompt.text


def test_what_one_part_does_not_need_the_others_get() -> None:
    long = numbered("above", 500)
    alone = fim_prompt(QWEN_CODER, replace(REQUEST, prefix=long, suffix=""), budget=800, count=words)
    beside = fim_prompt(QWEN_CODER, replace(REQUEST, prefix=long, suffix="\n" + long), budget=800, count=words)
    assert alone.text.count("above") > beside.text.split("<|fim_suffix|>")[0].count("above")
    files = (OtherFile(path="o.py", text=numbered("other", 60)),)
    short = fim_prompt(QWEN_CODER, replace(REQUEST, files=files), budget=800, count=words)
    assert short.files == ("o.py",)


def test_other_files_are_whole_and_the_least_relevant_go_first() -> None:
    files = tuple(OtherFile(path=path, text=numbered(path[0], 20)) for path in ("z.py", "m.py", "a.py"))
    request = replace(REQUEST, prefix=numbered("above", 500), files=files)
    shown = [fim_prompt(QWEN_CODER, request, budget=budget, count=words).files for budget in (200, 500, 800, 1200)]
    assert shown == [(), ("z.py",), ("m.py", "z.py"), ("a.py", "m.py", "z.py")]


def test_a_file_that_is_too_large_makes_room_for_those_behind_it() -> None:
    files = (OtherFile(path="large.py", text=numbered("x", 5000)), OtherFile(path="small.py", text="x = 1\n"))
    assert fim_prompt(QWEN_CODER, replace(REQUEST, files=files), budget=500, count=words).files == ("small.py",)


def test_the_file_itself_is_not_shown_as_another() -> None:
    files = (OtherFile(path=REQUEST.path, text="stale = 1\n"), *FILES)
    assert "stale" not in fim_prompt(QWEN_CODER, replace(REQUEST, files=files), budget=500, count=words).text


def test_the_order_of_relevance_does_not_change_the_prompt() -> None:
    forth = fim_prompt(QWEN_CODER, replace(REQUEST, files=FILES), budget=500, count=words)
    assert forth == fim_prompt(QWEN_CODER, replace(REQUEST, files=FILES[::-1]), budget=500, count=words)


@pytest.mark.parametrize("family", [QWEN_CODER, CODESTRAL, SEED_CODER], ids=lambda family: family.name)
def test_typing_leaves_the_beginning_of_a_long_files_prompt_as_it_was(family: Family) -> None:
    request = replace(REQUEST, prefix=numbered("above", 900), suffix="\n" + numbered("below", 300), files=FILES)
    prompts = []
    for line in range(32):
        typed = replace(request, prefix=request.prefix + f"typed = {line}\n" * line)
        prompts.append(fim_prompt(family, typed, budget=1500, count=words).text)
    same = [after.startswith(before[: len(before) // 2]) for before, after in pairwise(prompts)]
    assert same.count(False) <= 3


def test_a_line_that_is_longer_than_the_budget_is_cut_around_the_hole() -> None:
    request = replace(REQUEST, prefix="a" * 50_000 + "HERE", suffix="THERE" + "b" * 50_000)
    prompt = fim_prompt(QWEN_CODER, request, budget=200, count=quarters)
    assert "HERE<|fim_suffix|>THERE" in prompt.text
    assert 150 <= prompt.tokens <= 200


def test_not_all_of_a_huge_file_is_counted() -> None:
    counted = 0

    def count(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return words(text)

    request = replace(REQUEST, prefix=numbered("above", 100_000), suffix=numbered("below", 100_000))
    fim_prompt(QWEN_CODER, request, budget=1000, count=count)
    assert counted < 300_000


def test_a_budget_that_does_not_hold_the_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="does not hold the layout of qwen-coder"):
        fim_prompt(QWEN_CODER, REQUEST, budget=5, count=words)


def test_no_whitespace_stands_before_the_mark_of_the_middle() -> None:
    prompt = fim_prompt(QWEN_CODER, replace(REQUEST, suffix=")\n  \r\n\t\n"), budget=500, count=words)
    assert prompt.text.endswith("<|fim_suffix|>)<|fim_middle|>")


def test_files_that_the_last_prompt_showed_stay_where_they_were() -> None:
    files = tuple(OtherFile(path=f"{name}.py", text=f"# {name}\n" * 3) for name in "dacb")
    request = FimRequest(prefix="x", suffix="y", path="own.py", files=files)
    first = fim_prompt(QWEN_CODER, request, budget=4_000, count=len)
    assert first.files == ("a.py", "b.py", "c.py", "d.py")
    again = replace(request, files=files[1:], before=("c.py", "gone.py", "d.py", "b.py"))
    assert fim_prompt(QWEN_CODER, again, budget=4_000, count=len).files == ("c.py", "b.py", "a.py")


def test_a_file_that_was_shown_outweighs_one_that_is_a_little_more_relevant() -> None:
    files = tuple(OtherFile(path=f"{at}.py", text="x" * 400) for at in range(9))
    request = FimRequest(prefix="x", suffix="y", path="own.py", files=files)
    shown = fim_prompt(QWEN_CODER, request, budget=1_100, count=len).files
    assert len(shown) == 2
    later = replace(request, files=(files[5], files[6], *files[:5]), before=shown)
    assert fim_prompt(QWEN_CODER, later, budget=1_100, count=len).files == shown
    other = replace(request, files=tuple(reversed(files)), before=shown)
    assert not set(fim_prompt(QWEN_CODER, other, budget=1_100, count=len).files) & set(shown)
