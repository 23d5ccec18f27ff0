"""Actions over the wire, with a scripted model and real sandboxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.actions import SHOP, answer, block, make_shop, sit
from tests.server.desk import Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOP = """\
    result = 0
    for price in prices:
        result = result + price
    return result"""


async def test_simplify_is_verified_by_the_tests_that_touch_it(desk: Start, tmp_path: Path) -> None:
    it = await sit(
        desk,
        make_shop(tmp_path / "shop"),
        answer(block("shop.py", LOOP, "    return max(prices)", "take the largest"), unless=("An earlier edit",)),
        answer(block("shop.py", LOOP, "    return sum(prices)", "add them up"), when=("An earlier edit", "max(prices)")),
    )
    source = it.open("shop.py")
    result = await it.run("assay.simplify", uri=source, line=4)
    assert (result["grade"], result["applied"]) == ("verified", True), result
    assert result["title"] == "Add them up (verified, 2 tests)"
    [edit] = it.applied[0]["documentChanges"]
    assert edit["textDocument"] == {"uri": source, "version": 1}
    assert "sum(prices)" in edit["edits"][0]["newText"]


async def test_tests_that_notice_a_fault_are_verified(desk: Start, tmp_path: Path) -> None:
    new = "\n\ndef test_three():\n    assert total([1, 2, 3]) == 6\n"
    last = '    assert label(10) == "small"'
    it = await sit(
        desk,
        make_shop(tmp_path / "shop"),
        answer(block("tests/test_shop.py", last, last + new, "test three prices")),
    )
    source = it.open("shop.py")
    result = await it.run("assay.writeTests", uri=source, line=4, name="total")
    assert (result["grade"], result["applied"]) == ("verified", True), result
    receipt = await it.wire.result("assay/receipt", {"id": result["receipt"]})
    assert [step["name"] for step in receipt["steps"]] == ["tests-after", "repeat", "control"]


async def test_nothing_is_run_and_said_without_trust(desk: Start, tmp_path: Path) -> None:
    it = await sit(
        desk,
        make_shop(tmp_path / "shop"),
        answer(block("shop.py", LOOP, "    return sum(prices)")),
        ASSAY_TRUST="untrusted",
    )
    source = it.open("shop.py")
    result = await it.run("assay.rewrite", uri=source, line=4, instruction="shorter")
    assert (result["grade"], result["applied"]) == ("unverified", True), result
    assert result["reason"].startswith("Nothing was run: This workspace is not trusted")
    assert it.applied[0]["changeAnnotations"]["assay"]["needsConfirmation"] is True
