"""A desk whose completions come from a scripted model behind the real protocol, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.inference.lying_server import seen_by
from tests.server.conftest import Launch
from tests.server.desk import Desk
from tests.server.wire import capabilities

INLINE = "textDocument/inlineCompletion"


def configure(address: str, name: str, *, way: str = "say", table: str = "", **options: Any) -> None:
    """The user's settings: one model, which does as it is told.

    :param name: under which the model server remembers the requests.
    """
    model = json.dumps(f"{way}:{json.dumps(options)}")
    Path(os.environ["ASSAY_CONFIG"]).write_text(
        f"""
[cache]
answers = "off"

[complete]
least_wait_ms = 1
most_wait_ms = 1
{table}

[models.code]
url = "{address}/v1"
model = {model}
family = "qwen-coder"
roles = ["complete"]
headers = ["x-name={name}"]
"""
    )


async def sit_down(
    assay: Launch, root: Path, editor: str = "code-server", *, folders: tuple[Path, ...] = (), **env: str
) -> Desk:
    root.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nobody else waits
    wire = await assay("--debug", ASSAY_LOG_LEVEL="info", **env)
    desk = Desk(wire, root)
    named = [{"uri": folder.as_uri(), "name": folder.name} for folder in (root, *folders)]
    await wire.initialize(capabilities=capabilities(editor), workspaceFolders=named)
    await wire.notification("assay/status")
    return desk


def open_text(
    desk: Desk, text: str, *, name: str = "a.py", uri: str = "", language: str = "python", version: int = 1
) -> str:
    """Open a document that has the text without its cursor mark; its uri."""
    uri = uri or desk.uri(name)
    item = {"uri": uri, "languageId": language, "version": version, "text": text.replace("│", "")}
    desk.wire.notify("textDocument/didOpen", {"textDocument": item})
    return uri


def change_text(desk: Desk, uri: str, text: str, version: int) -> None:
    document = {"uri": uri, "version": version}
    change = {"textDocument": document, "contentChanges": [{"text": text.replace("│", "")}]}
    desk.wire.notify("textDocument/didChange", change)


def at(text: str, encoding: str = "utf-16") -> dict[str, int]:
    """The position of the cursor mark."""
    before = text.partition("│")[0]
    line = before.rpartition("\n")[2]
    units = len(line.encode("utf-16-le")) // 2 if encoding == "utf-16" else len(line.encode("utf-8"))
    return {"line": before.count("\n"), "character": units}


def params(uri: str, text: str, *, invoked: bool = False, encoding: str = "utf-16", **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"uri": uri}
    if "version" in more:
        document["version"] = more.pop("version")
    context: dict[str, Any] = {"triggerKind": 1 if invoked else 2, **more.pop("context", {})}
    return {"textDocument": document, "position": at(text, encoding), "context": context, **more}


async def ask(desk: Desk, uri: str, text: str, **more: Any) -> list[dict[str, Any]]:
    result = await desk.wire.result(INLINE, params(uri, text, **more))
    return result["items"]


async def texts(desk: Desk, uri: str, text: str, **more: Any) -> list[str]:
    return [item["insertText"] for item in await ask(desk, uri, text, **more)]


async def explained(desk: Desk, kind: str | None = "completion") -> Any:
    return await desk.wire.result("assay/explain", {"kind": kind} if kind else {})


async def reason(desk: Desk) -> str:
    return (await explained(desk))["reason"]


async def seen(address: str, name: str) -> list[dict[str, Any]]:
    """What the model server saw, without the few questions that find out how it wants to be asked."""
    found = await asyncio.to_thread(seen_by, address, name)
    return [each for each in found if _completes(each)]


async def begun(address: str, name: str) -> None:
    """Until the model server has a request to complete something."""

    def look() -> bool:
        with urlopen(f"{address}/began/{name}", timeout=30) as answer:
            return any(_completes(each) for each in json.loads(answer.read()))

    while not await asyncio.to_thread(look):  # noqa: ASYNC110 - the server tells of its first request only
        await asyncio.sleep(0.01)


def _completes(seen: dict[str, Any]) -> bool:
    return seen["path"].endswith("/completions") and seen["body"]["max_tokens"] != 16
