"""What every store of chunks must do, on every store that can be had.

A real Qdrant server comes from no package registry, so its leg runs only where QDRANT_URL names one. That it did not
run is said in the summary of each run, and the last test here counts the legs.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import EmbedderError, StoreError
from retrieval.ports import ChunkStore, Entry, Sparse, StoreQuery
from tests.retrieval import stores
from tests.retrieval.stores import (
    EMBEDDER,
    OTHER_EMBEDDER,
    STORES,
    Reopen,
    asking,
    chunk,
    edge,
    entry,
    found,
    put,
    stand_in,
)

folder = stores.folder
LEGS = [name for name in STORES if name != "server" or "QDRANT_URL" in os.environ]
ran: set[str] = set()


@pytest.fixture(params=LEGS)
def reopen(request: pytest.FixtureRequest, folder: Path) -> Reopen:
    ran.add(request.param)
    return partial(STORES[request.param], folder)


@pytest.fixture
async def store(reopen: Reopen) -> AsyncGenerator[ChunkStore]:
    async with reopen() as opened:
        yield opened
        for embedder in await opened.embedders():
            await opened.drop_embedder(embedder)


async def test_finds_what_shares_terms_rare_ones_first(store: ChunkStore) -> None:
    await put(
        store,
        entry("a.py", "both", {1: 1.0, 2: 1.0}),
        entry("b.py", "common", {1: 1.0}),
        entry("c.py", "common too", {1: 1.0}),
        entry("d.py", "neither", {3: 1.0}),
    )
    hits = (await store.search(asking(1, 2))).lexical
    assert hits[0].chunk == chunk("a.py", "")
    assert {hit.chunk.path for hit in hits} == {"a.py", "b.py", "c.py"}
    assert hits[1].score == pytest.approx(hits[2].score) and hits[1].id < hits[2].id
    assert await store.count() == 4


async def test_the_empty_question_and_the_empty_store_find_nothing(store: ChunkStore) -> None:
    assert (await store.search(asking(1))).lexical == ()
    await put(store, entry("a.py", "a"))
    assert (await store.search(asking())).lexical == ()
    assert await store.texts([]) == {}
    assert (await store.search(asking(1, dense={"unknown@1:2": [1.0, 0.0]}))).dense == {}


async def test_a_chunk_comes_back_as_it_went_in(store: ChunkStore) -> None:
    made = entry("a.py", "text\nwith\0every\u2028kind\x7f", symbol="A.b", line=3, language="tsx")
    await put(store, made)
    assert await store.texts([made.id, "00000000-0000-0000-0000-000000000000"]) == {made.id: made.chunk}


async def test_replace_takes_the_place_of_a_file(store: ChunkStore) -> None:
    await put(store, entry("a.py", "old"), entry("a.py", "stays"), entry("b.py", "other"))
    await put(store, entry("a.py", "stays"), entry("a.py", "new"))
    assert await found(store, asking(1)) == ["new", "other", "stays"]
    await store.replace({"a.py": [], "never there": []})
    assert await found(store, asking(1)) == ["other"]


async def test_a_chunk_that_only_moved_keeps_its_vector_and_tells_its_new_place(store: ChunkStore) -> None:
    await store.add_embedder(EMBEDDER, 4)
    before, after = entry("a.py", "same", line=1), entry("a.py", "same", line=9)
    await put(store, before)
    await store.set_vectors(EMBEDDER, {before.id: [1.0, 0.0, 0.0, 0.0]})
    assert [hit.chunk.start_line for hit in (await store.search(asking(1))).lexical] == [1]
    await put(store, after)
    (hit,) = (await store.search(asking(1, dense={EMBEDDER: [1.0, 0.0, 0.0, 0.0]}))).dense[EMBEDDER]
    assert (hit.id, hit.chunk.start_line) == (before.id, 9)
    assert (await store.texts([before.id]))[before.id] == after.chunk


async def test_more_chunks_than_a_batch(store: ChunkStore) -> None:
    await put(store, *(entry(f"{at % 3}.py", f"text {at}") for at in range(300)))
    assert await store.count() == 300
    await store.replace({"0.py": [], "1.py": []})
    assert await store.count() == 100
    assert len(await found(store, asking(1, limit=200))) == 100


async def test_dense_vectors_are_found_by_their_angle(store: ChunkStore) -> None:
    await store.add_embedder(EMBEDDER, 4)
    near, far = entry("near.py", "n"), entry("far.py", "f")
    await put(store, near, far, entry("none.py", "without a vector"))
    gone = "00000000-0000-0000-0000-000000000000"
    await store.set_vectors(EMBEDDER, {near.id: [1, 0, 0, 0], gone: [1, 0, 0, 0], far.id: np.array([0, 2, 0, 0])})
    answer = await store.search(StoreQuery(lexical=Sparse((), ()), dense={EMBEDDER: [1.0, 0.0, 0.0, 0.0]}))
    assert answer.lexical == ()
    assert [(hit.chunk.path, hit.score) for hit in answer.dense[EMBEDDER]] == [
        ("near.py", pytest.approx(1, abs=1e-3)),
        ("far.py", pytest.approx(0, abs=1e-3)),
    ]


@pytest.mark.parametrize("bad", [[math.nan, 0, 0, 1], [math.inf, 0, 0, 1], [1, 2, 3], []], ids=str)
async def test_a_bad_vector_is_refused_and_nothing_of_its_call_is_kept(store: ChunkStore, bad: list[float]) -> None:
    await store.add_embedder(EMBEDDER, 4)
    one, two = entry("a.py", "a"), entry("b.py", "b")
    await put(store, one, two)
    with pytest.raises(EmbedderError):
        await store.set_vectors(EMBEDDER, {one.id: [1, 0, 0, 0], two.id: bad})
    with pytest.raises(EmbedderError):
        await store.search(asking(1, dense={EMBEDDER: bad}))
    assert (await store.search(asking(1, dense={EMBEDDER: [1, 0, 0, 0]}))).dense == {EMBEDDER: ()}


async def test_a_bad_lexical_vector_or_a_misplaced_chunk_is_refused(store: ChunkStore) -> None:
    for files, window in (
        ({"a.py": [entry("a.py", "a", {1: math.nan})]}, ""),
        ({"a.py": [entry("b.py", "b")]}, ""),
        ({"a.py": [entry("a.py", "a")]}, "window"),
    ):
        with pytest.raises(StoreError):
            await store.replace(files, window=window)
    assert await store.count() == 0


async def test_two_embedders_side_by_side(store: ChunkStore) -> None:
    one = entry("a.py", "a")
    await put(store, one)
    await store.add_embedder(EMBEDDER, 4)
    await store.set_vectors(EMBEDDER, {one.id: [1, 0, 0, 0]})
    await store.add_embedder(OTHER_EMBEDDER, 3)
    await store.add_embedder(OTHER_EMBEDDER, 3)
    with pytest.raises(StoreError):
        await store.add_embedder(OTHER_EMBEDDER, 5)
    two = entry("b.py", "b")
    await put(store, two)
    await store.set_vectors(OTHER_EMBEDDER, {two.id: [0, 0, 1]})
    assert await store.embedders() == {EMBEDDER: 4, OTHER_EMBEDDER: 3}
    answer = await store.search(asking(1, dense={EMBEDDER: [1, 0, 0, 0], OTHER_EMBEDDER: [0, 0, 1]}))
    assert {name: [hit.id for hit in hits] for name, hits in answer.dense.items()} == {
        EMBEDDER: [one.id],
        OTHER_EMBEDDER: [two.id],
    }
    await store.drop_embedder(EMBEDDER)
    await store.drop_embedder(EMBEDDER)
    assert await store.embedders() == {OTHER_EMBEDDER: 3}
    assert await found(store, asking(1)) == ["a", "b"]
    await store.drop_embedder(OTHER_EMBEDDER)
    assert await store.embedders() == {}
    assert await found(store, asking(1)) == ["a", "b"]
    with pytest.raises(StoreError):
        await store.set_vectors(EMBEDDER, {one.id: [1, 0, 0, 0]})


async def test_an_embedder_that_comes_back_has_no_old_vectors(store: ChunkStore) -> None:
    one = entry("a.py", "a")
    await put(store, one)
    for dimension in (4, 6):
        await store.add_embedder(EMBEDDER, dimension)
        assert [[id_ for id_, _ in batch] async for batch in store.without_vectors(EMBEDDER)] == [[one.id]]
        await store.set_vectors(EMBEDDER, {one.id: [1.0] * dimension})
        assert [batch async for batch in store.without_vectors(EMBEDDER)] == []
        await store.drop_embedder(EMBEDDER)


async def test_without_vectors_gives_whole_chunks_of_the_disk_only(store: ChunkStore) -> None:
    await store.add_embedder(EMBEDDER, 4)
    entries = [entry(f"{at}.py", f"text {at}") for at in range(300)]
    await put(store, *entries)
    await put(store, entry("0.py", "unsaved", window="w"))
    await store.set_vectors(EMBEDDER, {entries[7].id: [1, 0, 0, 0]})
    missing = {id_: made async for batch in store.without_vectors(EMBEDDER) for id_, made in batch}
    assert missing == {one.id: one.chunk for one in entries if one is not entries[7]}


async def test_only_its_own_window_sees_an_unsaved_buffer(store: ChunkStore) -> None:
    await put(store, entry("a.py", "on disk"), entry("b.py", "other"))
    await put(store, entry("a.py", "unsaved", window="w1"))
    await put(store, entry("a.py", "elsewhere", window="w2"))
    assert await found(store, asking(1)) == ["on disk", "other"]
    assert await found(store, asking(1, window="w1")) == ["on disk", "other", "unsaved"]
    hidden = frozenset({"a.py"})
    assert await found(store, asking(1, window="w1", without=hidden)) == ["other", "unsaved"]
    assert await found(store, asking(1, without=hidden)) == ["other"]
    await put(store, entry("a.py", "saved"))
    assert await found(store, asking(1, window="w1")) == ["other", "saved", "unsaved"]
    await store.drop_windows(["w2"])
    assert await store.count() == 3
    assert await found(store, asking(1, window="w2")) == ["elsewhere", "other", "saved"]
    await store.replace({"a.py": []}, window="w2")
    await store.drop_windows()
    assert await found(store, asking(1, window="w2")) == ["other", "saved"]


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({"languages": ("go",)}, ["in go"]),
        ({"languages": ("go", "python")}, ["in a", "in ab", "in go"]),
        ({"path_prefix": "a/"}, ["in a", "in go"]),
        ({"path_prefix": "a"}, ["in a", "in ab", "in go"]),
        ({"sources": ("history",)}, []),
        ({"sources": ("workspace",), "languages": ("python",), "path_prefix": "a/"}, ["in a"]),
        ({"limit": 1, "languages": ("go",)}, ["in go"]),
    ],
)
async def test_a_search_is_narrowed(store: ChunkStore, narrowed: dict[str, object], expected: list[str]) -> None:
    await put(store, entry("a/x.py", "in a"), entry("ab/x.py", "in ab"), entry("a/x.go", "in go", language="go"))
    assert await found(store, asking(1, **narrowed)) == expected


ODD_PATHS = [
    "quote'\".py",
    "new\nline.py",
    "tab\tand nul\0.py",
    "star*?[x].py",
    "\u00fcml\u00e4ut/\U0001f600.py",
    "e\u0301.py",
    "\u00e9.py",
    "back\\slash.py",
    "/" + "long/" * 800,
    " ",
    "..",
    '{"must": []}',
]


async def test_odd_paths_stay_apart(store: ChunkStore) -> None:
    await put(store, *(entry(path, path) for path in ODD_PATHS))
    assert await found(store, asking(1)) == sorted(ODD_PATHS)
    for path in ODD_PATHS:
        assert path in await found(store, asking(1, path_prefix=path))
    for path in ODD_PATHS:
        await store.replace({path: []})
    assert await store.count() == 0


async def test_a_path_that_no_encoding_has_is_refused_and_nothing_breaks(store: ChunkStore) -> None:
    odd = Entry(id="00000000-0000-0000-0000-000000000001", chunk=chunk("a\udc80.py", "x"), lexical=Sparse((1,), (1.0,)))
    with pytest.raises(StoreError):
        await put(store, odd)
    await put(store, entry("a.py", "fine"))
    assert await found(store, asking(1)) == ["fine"]


async def test_all_of_it_is_there_after_opening_again(reopen: Reopen) -> None:
    one = entry("a.py", "a")
    async with reopen() as store:
        await store.add_embedder(EMBEDDER, 4)
        await store.add_embedder(OTHER_EMBEDDER, 3)
        await put(store, one, entry("b.py", "b"))
        await put(store, entry("b.py", "unsaved", window="w"))
        await store.set_vectors(EMBEDDER, {one.id: [1, 0, 0, 0]})
        await store.drop_embedder(OTHER_EMBEDDER)
    async with reopen() as store:
        assert await store.embedders() == {EMBEDDER: 4}
        assert await store.count() == 3
        assert await found(store, asking(1)) == ["a", "b"]
        answer = await store.search(asking(1, dense={EMBEDDER: [1, 0, 0, 0]}))
        assert [hit.id for hit in answer.dense[EMBEDDER]] == [one.id]
        await store.drop_embedder(EMBEDDER)


async def test_optimising_changes_no_answer(store: ChunkStore) -> None:
    await store.add_embedder(EMBEDDER, 4)
    entries = [entry(f"{at}.py", f"text {at}", {at % 5: 1.0}) for at in range(40)]
    await put(store, *entries)
    await store.set_vectors(EMBEDDER, {one.id: [1.0, at, 0, 0] for at, one in enumerate(entries)})
    question = asking(1, 2, dense={EMBEDDER: [1.0, 3.0, 0, 0]})
    before = await store.search(question)
    await store.optimize()
    assert await store.search(question) == before
    await put(store, entry("0.py", "later"))
    assert await store.count() == 40


async def test_both_engines_give_the_same_scores(folder: Path) -> None:
    """A stand-in proves something only when its answers are those of the engine that the server runs."""
    random_ = random.Random(7)
    dimension = 64  # half precision is off by more in a few dimensions
    entries = [
        entry(f"{at}.py", f"text {at}", {random_.randrange(30): random_.uniform(0.1, 3) for _ in range(8)})
        for at in range(200)
    ]
    vectors = {one.id: [random_.gauss(0, 1) for _ in range(dimension)] for one in entries}
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(kind(folder)) for kind in (edge, stand_in)]
        for store in stores:
            await put(store, *entries)
            await store.add_embedder(EMBEDDER, dimension)
            await store.set_vectors(EMBEDDER, vectors)
        for _ in range(5):
            terms = random_.sample(range(30), 4)
            dense = {EMBEDDER: [random_.gauss(0, 1) for _ in range(dimension)]}
            one, two = [await store.search(asking(*terms, dense=dense, limit=200)) for store in stores]
            for left, right in ((one.lexical, two.lexical), (one.dense[EMBEDDER], two.dense[EMBEDDER])):
                scores = {hit.id: hit.score for hit in left}
                assert scores == {hit.id: pytest.approx(scores[hit.id], abs=1e-4) for hit in right}


async def test_workspaces_and_teams_of_one_server_do_not_see_each_other(folder: Path) -> None:
    """In the local mode of the client, one store after the other: it has no two clients on one folder."""
    for workspace in ("one", "two"):
        async with stand_in(folder, workspace) as store:
            await store.add_embedder(EMBEDDER, 4)
            made = entry("a.py", workspace)
            await put(store, made)
            await store.set_vectors(EMBEDDER, {made.id: [1, 0, 0, 0]})
            assert await store.count() == 1
            assert await found(store, asking(1)) == [workspace]
            assert len((await store.search(asking(1, dense={EMBEDDER: [1, 0, 0, 0]}))).dense[EMBEDDER]) == 1
    async with stand_in(folder, "two") as store:
        await store.replace({"a.py": []})
        await store.drop_embedder(EMBEDDER)
    async with stand_in(folder, "one") as store:
        assert await found(store, asking(1)) == ["one"]
        assert await store.embedders() == {EMBEDDER: 4}


@pytest.mark.skipif("QDRANT_URL" in os.environ, reason="it ran")
def test_a_real_server_was_left_out(request: pytest.FixtureRequest) -> None:
    cases = [item for item in request.session.items if "[edge" in item.nodeid and item.path == request.path]
    pytest.skip(f"{len(cases)} cases on a real Qdrant server: QDRANT_URL is not set, and no package registry has one")


def test_every_leg_ran(request: pytest.FixtureRequest) -> None:
    chosen = {leg for leg in LEGS for item in request.session.items if f"[{leg}" in item.nodeid}
    assert ran >= chosen
    assert {"edge", "stand-in"} <= set(LEGS)
