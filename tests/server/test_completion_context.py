"""What of other files a model sees: what was imported, found, edited lately; nothing that the policy refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference.lying_server import running
from tests.server.completions import ask, change_text, configure, explained, open_text, seen, sit_down
from tests.server.conftest import Launch

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with running() as address:
        yield address


async def test_what_other_files_say(assay: Launch, model: str, tmp_path: Path) -> None:
    (tmp_path / "prices.py").write_text(
        "def rounded_price(value, way):\n    '''A price rounded to cents.'''\n    return value\n"
    )
    (tmp_path / "carts.py").write_text("def cart_total(cart):\n    return sum(item.price for item in cart)\n")
    (tmp_path / "kept_back.py").write_text("def cart_total_of_the_customer(cart):\n    return 'kept back'\n")
    (tmp_path / ".aiignore").write_text("kept_back.py\n")
    configure(model, "context", text="rounded_price(total, 'up')")
    desk = await sit_down(assay, tmp_path, ASSAY_INDEX_ENABLED="on", ASSAY_INDEX_EMBEDDER="none")
    async with asyncio.timeout(60):
        while not (await desk.wire.result("assay/search", {"query": "cart total"}))["hits"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    # Somebody works in two other files, of which one is not for a model.
    edited = open_text(desk, "LATELY = 1\n", name="lately.py")
    secret = open_text(desk, "KEPT_BACK = 1\n", name="kept_back.py")
    change_text(desk, edited, "LATELY = 2\n", 2)
    change_text(desk, secret, "KEPT_BACK = 2\n", 2)
    text = "from prices import rounded_price\n\n\ndef due(cart):\n    total = cart_total(cart)\n    return │\n"
    uri = open_text(desk, text, name="due.py")
    assert await ask(desk, uri, text)
    # The first request did not wait for the search; one that follows has it.
    for version in range(2, 100):
        text = text.replace("│", "(│)")
        change_text(desk, uri, text, version)
        assert await ask(desk, uri, text)
        if any(each["kind"] == "hit" for each in (await explained(desk))["snippets"]):
            break
        await asyncio.sleep(0.1)
    prompt = (await seen(model, "context"))[-1]["body"]["prompt"]
    assert "<|file_sep|>prices.py\ndef rounded_price(value, way)" in prompt
    assert "<|file_sep|>lately.py\nLATELY = 2\n" in prompt
    assert "<|file_sep|>carts.py\n" in prompt
    assert "kept" not in prompt.lower()
    said = await explained(desk)
    assert {(each["kind"], each["path"]) for each in said["snippets"] if each["shown"]} >= {
        ("definition", "prices.py"),
        ("edit", "lately.py"),
        ("hit", "carts.py"),
    }
    assert "kept" not in str(said)


async def test_what_a_closed_document_said_is_not_sent(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "closed", text="value")
    desk = await sit_down(assay, tmp_path)
    edited = open_text(desk, "GONE = 1\n", name="gone.py")
    change_text(desk, edited, "GONE = 2\n", 2)
    desk.wire.notify("textDocument/didClose", {"textDocument": {"uri": edited}})
    uri = open_text(desk, "x = │", name="a.py")
    assert await ask(desk, uri, "x = │")
    assert "GONE" not in (await seen(model, "closed"))[-1]["body"]["prompt"]
