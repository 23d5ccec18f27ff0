"""A server with a workspace, and an editor that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from tests.server.wire import Wire


class Desk:
    """A server with a workspace, and what an editor would answer."""

    def __init__(self, wire: Wire, root: Path) -> None:
        self.wire = wire
        self.root = root
        self.applied: list[Any] = []
        self.accepts = True
        self.picks: list[str] = []
        """Titles of message actions to choose."""
        wire.answer = self._answer

    def _answer(self, method: str, params: Any) -> Any:
        if method == "workspace/applyEdit":
            self.applied.append(params["edit"])
            return {"applied": self.accepts}
        if method == "window/showMessageRequest":
            title = self.picks.pop() if self.picks else None
            return {"title": title} if title else None
        return [None] if method == "workspace/configuration" else None

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def open(self, name: str, text: str | None = None) -> str:
        text = (self.root / name).read_text() if text is None else text
        document = {"uri": self.uri(name), "languageId": "python", "version": 1, "text": text}
        self.wire.notify("textDocument/didOpen", {"textDocument": document})
        return self.uri(name)

    def change(self, name: str, text: str, version: int) -> None:
        document = {"uri": self.uri(name), "version": version}
        self.wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def start(self, command: str, **arguments: Any) -> int:
        return self.wire.start("workspace/executeCommand", {"command": command, "arguments": [arguments]})

    async def run(self, command: str, **arguments: Any) -> Any:
        answer = await self.wire.response(self.start(command, **arguments))
        assert "error" not in answer, answer
        return answer["result"]

    async def progress(self, wanted: Callable[[str], bool]) -> Any:
        """The token of the first report whose message fits."""
        params = await self.wire.notification("$/progress", lambda p: wanted(p["value"].get("message") or ""))
        return params["token"]

    def said(self) -> list[str]:
        return [params["message"] for params in self.wire.sent("window/showMessage")]


Start = Callable[..., Awaitable[Desk]]
"""The `desk` fixture: start one for a root, as an editor, with an environment."""


def processes_of(wire: Wire) -> list[psutil.Process]:
    children = psutil.Process(wire.process.pid).children(recursive=True)
    return [child for child in children if not _is_ready_for_completions(child)]


def _is_ready_for_completions(child: psutil.Process) -> bool:
    """What parses suggestions stays from one to the next, with a helper of Python's."""
    try:
        return any("multiprocessing" in word for word in child.cmdline())
    except psutil.NoSuchProcess:
        return True


def left_behind(state: str) -> list[str]:
    """Command lines of processes that name the server's own state folder: sandboxes have theirs below it."""
    lines: list[str] = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if state in line:
            lines.append(line)
    return lines
