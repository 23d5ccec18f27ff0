"""assay/search over the protocol: a real index host behind a real server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from tests.server.desk import Desk, Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

ON = {"ASSAY_INDEX_ENABLED": "on", "ASSAY_INDEX_EMBEDDER": "none", "ASSAY_INDEX_HISTORY": "off"}
CART = 'def total(prices):\n    """Sum of all prices in the basket."""\n    return sum(prices)\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "cart.py").write_text(CART)
    (root / "mail.py").write_text("def deliver(letter):\n    return letter.address\n")
    (root / ".env").write_text("TOKEN_OF_BASKET=basket\n")
    return root


async def search(desk: Desk, query: str, **more: object) -> list[dict]:
    return (await desk.wire.result("assay/search", {"query": query, **more}))["hits"]


async def found(desk: Desk, query: str, path: str) -> dict:
    """The first hit, once the index has caught up with it."""
    for _ in range(100):
        hits = await search(desk, query)
        if hits and hits[0]["path"] == path:
            return hits[0]
        await asyncio.sleep(0.05)  # the typing must rest, and nothing tells that it was seen
    raise AssertionError(f"{query} was not found in {path}: {hits}")


async def ready(desk: Desk) -> None:
    await desk.wire.notification(
        "assay/status", lambda status: any(i["phase"] == "ready" for i in status.get("index", []))
    )


async def test_a_search_names_the_place_and_the_text(desk: Start, root: Path) -> None:
    at = await desk(root, **ON)
    await ready(at)
    (hit, *_) = await search(at, "sum of prices in the basket")
    assert (hit["path"], hit["symbol"], hit["uri"]) == ("cart.py", "total", at.uri("cart.py"))
    assert hit["range"]["start"]["line"] == 0
    assert hit["text"].startswith("def total")
    assert {other["path"] for other in await search(at, "token of basket")} <= {"cart.py", "mail.py"}


async def test_a_search_sees_what_is_on_the_screen_and_then_what_was_saved(desk: Start, root: Path) -> None:
    at = await desk(root, **ON)
    await ready(at)
    at.open("mail.py")
    at.change("mail.py", "def deliver_by_pigeon(letter):\n    return letter.address\n", 2)
    assert (await found(at, "pigeon", "mail.py"))["symbol"] == "deliver_by_pigeon"
    (root / "mail.py").write_text("def deliver_by_balloon(letter):\n    return letter.address\n")
    at.wire.notify("textDocument/didSave", {"textDocument": {"uri": at.uri("mail.py")}})
    assert (await found(at, "balloon", "mail.py"))["symbol"] == "deliver_by_balloon"
    assert await search(at, "pigeon") == []


@pytest.mark.parametrize(
    "params", [None, {}, {"query": 3}, {"query": "x", "limit": 0}, {"query": "x", "languages": [1]}]
)
async def test_a_search_without_sense_is_an_error_of_the_caller(desk: Start, root: Path, params: object) -> None:
    at = await desk(root, **ON)
    answer = await at.wire.response(at.wire.start("assay/search", params))
    assert answer["error"]["code"] == -32602


async def test_two_windows_share_one_host_and_it_goes_with_the_last(desk: Start, root: Path) -> None:
    first, second = await desk(root, **ON), await desk(root, **ON)
    await ready(first)
    await ready(second)
    hosts = hosts_of(os.environ["ASSAY_CACHE"])
    assert len(hosts) == 1
    await first.wire.stop()
    assert await search(second, "basket")
    await second.wire.stop()
    _, alive = psutil.wait_procs(hosts, timeout=30)
    assert not alive


async def test_a_host_that_is_killed_comes_back(desk: Start, root: Path) -> None:
    at = await desk(root, **ON)
    await ready(at)
    (host,) = hosts_of(os.environ["ASSAY_CACHE"])
    host.kill()
    host.wait()
    assert (await search(at, "basket"))[0]["path"] == "cart.py"
    assert hosts_of(os.environ["ASSAY_CACHE"]) != [host]


def hosts_of(cache: str) -> list[psutil.Process]:
    """Index hosts, told by the folder that they work in."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "server.index_host" in (process.info["cmdline"] or ()) and process.cwd().startswith(cache)
    ]
