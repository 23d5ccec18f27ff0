"""From candidates to an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from retrieval.chunk import Chunk
from retrieval.lexical.encode import encode_chunk, encode_query
from retrieval.ports import Candidates, Found
from retrieval.rank.boosts import Matcher, defined_symbol, path_words
from retrieval.rank.question import read
from retrieval.rank.stack import Ranked, RankOptions, rank


def chunk(
    path: str,
    *,
    names: tuple[str, ...] = (),
    language: str = "python",
    start: int = 0,
    symbol: str = "",
    text: str = "",
    source: str = "workspace",
) -> Chunk:
    return Chunk(
        path=path,
        language=language,
        kind="function",
        symbol=symbol,
        scope="",
        names=names,
        start_byte=start,
        end_byte=start + 10,
        start_line=start,
        end_line=start + 1,
        header="",
        text=text,
        source=source,
    )


def candidates(
    lexical: Sequence[tuple[float, Chunk]], dense: Mapping[str, Sequence[tuple[float, Chunk]]] | None = None
) -> Candidates:
    def found(rows: Sequence[tuple[float, Chunk]]) -> tuple[Found, ...]:
        return tuple(
            Found(id=f"{one.path}@{one.start_byte}", chunk=one, score=score)
            for score, one in sorted(rows, key=lambda row: -row[0])
        )

    return Candidates(lexical=found(lexical), dense={name: found(rows) for name, rows in (dense or {}).items()})


def paths(ranked: Sequence[Ranked]) -> list[str]:
    return [item.chunk.path for item in ranked]


def test_nothing_found() -> None:
    assert rank("anything", candidates([])) == ()
    assert rank("", candidates([(1.0, chunk("a.py"))]))[0].chunk.path == "a.py"


def test_words_of_the_path_lift() -> None:
    found = candidates([(5.0, chunk("src/walk.py")), (4.9, chunk("src/retry.py")), (1.0, chunk("src/z.py"))])
    ranked = rank("how are requests retried", found)
    assert paths(ranked)[0] == "src/retry.py"
    assert "path" in ranked[0].reasons
    assert paths(rank("how are requests retried", found, options=RankOptions(path=0)))[0] == "src/walk.py"


def test_an_abbreviation_or_a_longer_form_matches_a_path() -> None:
    matcher = Matcher(read("configuration of environment"))
    assert matcher.on_path("src/config.py")
    assert matcher.on_path("src/env.py")
    assert matcher.on_path("configurations/a.py")
    assert not matcher.on_path("src/con.py")
    assert matcher.paths(["src/config.py", "config/a.py"], 0.75) == {"src/config.py": 0.5, "config/a.py": 0.375}


def test_a_name_of_common_words_matches_as_a_whole() -> None:
    matcher = Matcher(read("how does v-if compile"))
    assert matcher.on_path("transforms/vIf.ts")
    assert not matcher.on_path("transforms/vFor.ts")


def test_path_words_are_of_the_file_and_its_folder_only() -> None:
    assert path_words("packages/runtime-core/src/transforms/vOnce.test.ts") == (("vonce",), ("transform",))
    assert path_words("Makefile") == (("makefil",), ())


def test_a_definition_of_the_symbol_that_is_the_question_comes_first() -> None:
    uses = chunk("src/link_extractor.py", names=("main",))
    defines = chunk("src/lxml.py", names=("Helper", "LinkExtractor"))
    found = candidates([(9.0, uses), (2.0, defines), (1.0, chunk("src/z.py"))])
    ranked = rank("LinkExtractor", found)
    assert ranked[0].chunk == defines
    assert "defines LinkExtractor" in ranked[0].reasons


def test_of_two_definitions_the_one_in_the_named_scope_wins() -> None:
    other = chunk("src/Pool.php", names=("push",), symbol="Pool.push", language="php")
    named = chunk("src/Stack.php", names=("push",), symbol="HandlerStack.push", language="php")
    question = read("HandlerStack::push")
    assert defined_symbol(question, other) == 1
    assert defined_symbol(question, named) == 2
    found = candidates([(5.0, other), (3.0, named), (1.0, chunk("z.php", language="php"))])
    assert rank("HandlerStack::push", found)[0].chunk == named


def test_names_made_of_the_questions_words_lift_their_chunk() -> None:
    plain, named = chunk("a.py", names=("run",)), chunk("b.py", names=("remove_stale_entries", "x"))
    ranked = rank("remove entries that are stale", candidates([(5.0, plain), (4.0, named), (0.0, chunk("c.py"))]))
    assert ranked[0].chunk == named
    assert "name" in ranked[0].reasons


def test_several_good_chunks_lift_their_file() -> None:
    alone = chunk("alone.py")
    together = [chunk("together.py", start=start) for start in (0, 100, 200)]
    found = candidates([(5.0, alone), *((4.6, one) for one in together), (1.0, chunk("z.py"))])
    assert paths(rank("q", found))[0] == "together.py"
    assert paths(rank("q", found, options=RankOptions(coherence=0)))[0] == "alone.py"


def test_ten_hits_are_not_one_file() -> None:
    many = [(5.0 - i / 100, chunk("many.py", start=i)) for i in range(12)]
    others = [(2.5, chunk(f"other{i}.py")) for i in range(5)]
    found = candidates([*many, *others, (0.5, chunk("z.py"))])
    assert len(set(paths(rank("q", found, limit=6)))) >= 5
    flat = rank("q", found, limit=6, options=RankOptions(second=1, further=1))
    assert set(paths(flat)) == {"many.py"}


def test_tests_step_back_unless_they_are_asked_for() -> None:
    found = candidates([(5.0, chunk("tests/test_cart.py")), (4.0, chunk("shop/cart.py")), (0.5, chunk("z.py"))])
    assert paths(rank("total of a cart", found))[0] == "shop/cart.py"
    assert paths(rank("tests for the total of a cart", found))[0] == "tests/test_cart.py"
    assert "test file" in rank("total of a cart", found)[1].reasons


def test_prose_steps_back_unless_it_is_asked_for() -> None:
    guide = chunk("docs/retry.md", language="markdown")
    found = candidates([(5.0, guide), (3.0, chunk("src/retry.py")), (0.5, chunk("z.py"))])
    assert paths(rank("retry failed requests", found))[0] == "src/retry.py"
    assert paths(rank("documentation of retry", found))[0] == "docs/retry.md"


def test_history_lifts_its_file_and_is_no_hit() -> None:
    past = chunk("history:b.py", language="text", source="history")
    found = candidates([(5.0, chunk("a.py")), (4.8, past), (4.5, chunk("b.py")), (1.0, chunk("z.py"))])
    ranked = rank("q", found)
    assert paths(ranked)[0] == "b.py"
    assert "history" in ranked[0].reasons
    assert all(item.chunk.source == "workspace" for item in ranked)
    assert paths(rank("q", found, options=RankOptions(history=0)))[0] == "a.py"


def test_only_history_found_is_nothing_found() -> None:
    assert rank("q", candidates([(5.0, chunk("history:b.py", source="history"))])) == ()


def test_what_was_edited_lately_comes_before_its_equal() -> None:
    found = candidates([(5.0, chunk("a.py")), (5.0, chunk("b.py")), (1.0, chunk("z.py"))])
    assert paths(rank("q", found))[0] == "a.py"
    assert paths(rank("q", found, recent={"b.py": 60.0}))[0] == "b.py"
    assert paths(rank("q", found, recent={"b.py": 1e7}))[0] in ("a.py", "b.py")
    worse = candidates([(5.0, chunk("a.py")), (3.0, chunk("b.py")), (1.0, chunk("z.py"))])
    assert paths(rank("q", worse, recent={"b.py": 0.0}))[0] == "a.py"


def test_a_clock_that_ran_backwards_is_now() -> None:
    found = candidates([(5.0, chunk("a.py")), (5.0, chunk("b.py"))])
    assert rank("q", found, recent={"b.py": -500.0}) == rank("q", found, recent={"b.py": 0.0})


def test_two_embedders_share_the_dense_weight() -> None:
    both, one = chunk("both.py"), chunk("one.py")
    lexical = [(1.0, chunk("lexical.py")), (0.5, chunk("z.py"))]
    dense = {"old": [(0.9, both), (0.1, one)], "new": [(0.9, both), (0.1, chunk("z.py"))]}
    ranked = rank("q", candidates(lexical, dense), options=RankOptions(coherence=0))
    assert paths(ranked)[:2] == ["lexical.py", "both.py"]
    assert ranked[1].reasons == ("meaning",)
    assert ranked[0].reasons == ("words",)
    assert ranked[1].score == pytest.approx(0.4 / 0.6)


@pytest.mark.parametrize("fusion", ["weighted", "dbsf", "rrf"])
def test_the_order_of_equal_candidates_does_not_depend_on_the_order_they_come_in(fusion: str) -> None:
    rows = [(1.0, chunk(f"{name}.py", start=start)) for name in "dbca" for start in (30, 0)]
    options = RankOptions(fusion=fusion)
    assert rank("q", candidates(rows), options=options) == rank("q", candidates(rows[::-1]), options=options)


def test_a_search_from_text_to_order() -> None:
    files = {
        "shop/cart.py": ("total", "def total(self): return sum(item.price for item in self.items)"),
        "shop/mail.py": ("send_receipt", "def send_receipt(order): smtp.send(order.customer.email, render(order))"),
        "tests/test_mail.py": ("test_send_receipt", "def test_send_receipt(): send_receipt(order)"),
        "docs/mail.md": ("", "How receipts are sent by mail to a customer's email address"),
    }
    chunks = [
        chunk(path, names=(name,), text=text, language="markdown" if path.endswith("md") else "python")
        for path, (name, text) in files.items()
    ]

    def search(query: str) -> list[str]:
        asked = dict(zip(*_pair(query), strict=True))
        rows: list[tuple[float, Chunk]] = []
        for one in chunks:
            vector = encode_chunk(one)
            score = sum(asked.get(i, 0.0) * value for i, value in zip(vector.indices, vector.values, strict=True))
            if score:
                rows.append((score, one))
        return paths(rank(query, candidates(rows)))

    assert search("email the receipt to the customer")[0] == "shop/mail.py"
    assert search("sendReceipt")[0] == "shop/mail.py"
    assert search("sum of item prices")[0] == "shop/cart.py"
    assert search("tests of the receipt mail")[0] == "tests/test_mail.py"


def _pair(query: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    vector = encode_query(query)
    return vector.indices, vector.values
