"""Working along over the wire: a save, the tests that touch it in the real sandbox, and a fix that is ready."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.along import Along
from server.settings import AlongSettings
from tests.server.completions import explained
from tests.server.desk import Desk, Start, left_behind
from tests.server.shop import BROKEN, FIXED, make_shop, make_slow_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

ON = {"ASSAY_ALONG_ENABLED": "on", "ASSAY_ALONG_QUIET_SECONDS": "0.1", "ASSAY_ALONG_LOAD": "1000"}


def save(desk: Desk, uri: str) -> None:
    desk.wire.notify("textDocument/didSave", {"textDocument": {"uri": uri}})


async def ready(desk: Desk) -> None:
    await desk.wire.notification("assay/status", lambda status: status["message"] == "Ready.")


async def came_of_it(desk: Desk) -> Any:
    await desk.wire.notification("assay/status", lambda it: it.get("along", {}).get("state") == "resting")
    return await explained(desk, "along")


async def until(desk: Desk, wanted: Callable[[Any], bool]) -> Any:
    """The account that fits, once there is one."""
    async with asyncio.timeout(120):
        while (found := await explained(desk, "along")) is None or not wanted(found):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
        return found


async def test_a_save_runs_what_touches_it_and_has_a_fix_ready(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"), **ON)
    await ready(it)
    (it.root / "tests" / "test_unrelated.py").write_text("def test_other():\n    assert False\n")
    source, tests = it.open("shop.py"), it.open("tests/test_shop.py")
    save(it, source)
    found = await came_of_it(it)
    assert (found["reason"], found["how"], found["tests"]) == (None, "name", ["tests/test_shop.py"])
    assert found["failing"] == [BROKEN]
    assert found["fix"]["grade"] == "verified"
    shown = await it.wire.notification("textDocument/publishDiagnostics", lambda params: params["diagnostics"])
    [problem] = shown["diagnostics"]
    assert (shown["uri"], problem["source"], problem["data"]) == (tests, "assay", {"test": BROKEN})
    assert it.said() == []
    context = {"diagnostics": [problem]}
    params = {"textDocument": {"uri": tests}, "range": problem["range"], "context": context}
    actions = await it.wire.result("textDocument/codeAction", params)
    [action] = [each for each in actions if each["command"]["command"] == "assay.makeTestPass"]
    assert action["title"] == found["fix"]["title"]
    result = await it.run("assay.makeTestPass", **action["command"]["arguments"][0])
    assert (result["applied"], result["receipt"]) == (True, found["fix"]["receipt"]), "it was not run again"
    [edit] = it.applied
    assert edit["documentChanges"][0]["textDocument"]["uri"] == source
    # Applied, saved again: what the receipt saw to touch the file is run, and nothing fails.
    it.change("shop.py", FIXED, 2)
    (it.root / "shop.py").write_text(FIXED)
    save(it, source)
    found = await until(it, lambda found: not found["failing"])
    assert (found["reason"], found["how"]) == (None, "seen")


@pytest.mark.parametrize("how", ["a command", "another save"])
async def test_what_was_not_asked_for_makes_room(desk: Start, tmp_path: Path, how: str) -> None:
    it = await desk(make_slow_shop(tmp_path / "shop"), **ON)
    await ready(it)
    slow = it.open("tests/test_slow.py")
    save(it, slow)
    async with asyncio.timeout(60):
        while not left_behind(os.environ["ASSAY_STATE"]):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
    if how == "a command":
        assert await it.run("assay.cancel") == {"cancelled": 1}
        await until(it, lambda found: found["reason"] == "interrupted")
        assert left_behind(os.environ["ASSAY_STATE"]) == []
    else:
        save(it, it.open("shop.py"))
        found = await until(it, lambda found: found["uri"] == it.uri("shop.py"))
        assert (found["reason"], found["failing"]) == (None, [BROKEN])


SAVED: dict[str, tuple[dict[str, str], str, str | None]] = {
    "off is the default": ({}, "shop.py", None),
    "not trusted": ({**ON, "ASSAY_TRUST": "untrusted"}, "shop.py", "untrusted"),
    "a file that no test touches": (ON, "alone.py", "no_tests"),
}


@pytest.mark.parametrize(("env", "name", "reason"), SAVED.values(), ids=SAVED.keys())
async def test_nothing_is_run(desk: Start, tmp_path: Path, env: dict[str, str], name: str, reason: str | None) -> None:
    it = await desk(make_shop(tmp_path / "shop"), **env)
    (it.root / "alone.py").write_text("x = 1\n")
    save(it, it.open(name))
    if reason is None:
        await asyncio.sleep(1.0)  # time is the subject: nothing may come
        assert await explained(it, "along") is None
    else:
        assert (await came_of_it(it))["reason"] == reason
    assert it.wire.sent("textDocument/publishDiagnostics") == []


NOW = 100.0
WHEN: dict[str, tuple[str, float, float, float, str]] = {
    "all is well": ("Charging", 0.1, 10.0, 0.0, ""),
    "on battery": ("Discharging", 0.1, 10.0, 0.0, "battery"),
    "somebody types": ("Charging", 0.1, 1.0, 0.0, "typing"),
    "busy": ("Charging", 0.9, 10.0, 0.0, "load"),
    "spent": ("Charging", 0.1, 10.0, 298.0, "budget"),
}


@pytest.mark.parametrize(("battery", "load", "quiet", "spent", "why"), WHEN.values(), ids=WHEN.keys())
async def test_when(tmp_path: Path, battery: str, load: float, quiet: float, spent: float, why: str) -> None:
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0" / "type").write_text("Battery\n")
    (tmp_path / "BAT0" / "status").write_text(battery + "\n")
    along = Along(lambda: NOW, tmp_path, lambda: load)
    along.spending.spend(spent)
    assert along.why_not_now(AlongSettings(enabled="on"), NOW - quiet, NOW) == why
