"""A small real LSP client: starts the server as a child, speaks JSON-RPC over its stdio, keeps documents."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from server.lines import split_lines

_LINE_LIMIT = 64 << 20  # bytes of one message
_END_SECONDS = 10.0

_CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True, "showMessage": {}},
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
        "workspaceFolders": True,
    },
    "textDocument": {
        "synchronization": {"dynamicRegistration": False, "didSave": True},
        "publishDiagnostics": {"versionSupport": True},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor"]}}},
        "codeLens": {},
    },
}


class ServerError(Exception):
    """The server answered with an error, or ended; the message is for people."""


class Editor:
    """Make one with `opened`. Progress titles and messages go to `tell` as they come."""

    def __init__(self, process: asyncio.subprocess.Process, tell: Callable[[str], None]) -> None:
        self.documents: dict[str, str] = {}
        """Text by uri, with every edit of the server applied."""
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.applied: list[str] = []
        """Uris that the server has edited."""
        self._process = process
        self._tell = tell
        self._versions: dict[str, int] = {}
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._titles: dict[object, str] = {}
        self._number = 0

    async def request(self, method: str, params: Any) -> Any:
        """:raises ServerError: what the server answered instead."""
        self._number += 1
        reply = self._replies[self._number] = asyncio.get_running_loop().create_future()
        self._send({"id": self._number, "method": method, "params": params})
        return await reply

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def open(self, path: Path) -> str:
        """The document's uri."""
        uri, text = path.as_uri(), path.read_text(encoding="utf-8")
        self.documents[uri], self._versions[uri] = text, 1
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    async def listen(self) -> None:
        """Answer the server until it ends."""
        assert self._process.stdout is not None
        try:
            while (message := await _read(self._process.stdout)) is not None:
                self._take(message)
        finally:
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(ServerError("the server ended without an answer"))

    def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        params: dict[str, Any] = message.get("params") or {}
        if method is None:
            self._settle(message)
        elif "id" in message:
            self._send({"id": message["id"], "result": self._answer(str(method), params)})
        elif method == "textDocument/publishDiagnostics":
            self.diagnostics[params["uri"]] = params["diagnostics"]
        elif method == "$/progress":
            self._progress(params)
        elif method in ("window/showMessage", "window/logMessage"):
            self._tell(str(params["message"]))

    def _settle(self, message: dict[str, Any]) -> None:
        reply = self._replies.pop(message["id"], None)
        if reply is None or reply.done():
            return
        if "error" in message:
            reply.set_exception(ServerError(str(message["error"].get("message"))))
        else:
            reply.set_result(message.get("result"))

    def _answer(self, method: str, params: dict[str, Any]) -> Any:
        """What an editor answers."""
        if method == "workspace/applyEdit":
            self._edit(params["edit"])
            return {"applied": True}
        if method == "workspace/configuration":
            return [None for _ in params.get("items", ())]
        return None

    def _progress(self, params: dict[str, Any]) -> None:
        value, token = params["value"], params["token"]
        if value["kind"] == "begin":
            self._titles[token] = str(value["title"])
        text = value.get("message")
        self._tell(f"{self._titles.get(token, '')}{f': {text}' if text else ''}")

    def _edit(self, edit: Mapping[str, Any]) -> None:
        changes = cast("list[dict[str, Any]]", edit.get("documentChanges") or [])
        plain = cast("Mapping[str, list[dict[str, Any]]]", edit.get("changes") or {})
        changes = changes + [{"textDocument": {"uri": uri}, "edits": edits} for uri, edits in plain.items()]
        for change in changes:
            uri = str(change["textDocument"]["uri"])
            text = self.documents[uri] if uri in self.documents else path_of(uri).read_text(encoding="utf-8")
            self.documents[uri] = edited(text, change["edits"])
            self.applied.append(uri)
            if uri in self._versions:
                self._versions[uri] += 1
                document = {"uri": uri, "version": self._versions[uri]}
                new = [{"text": self.documents[uri]}]
                self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": new})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


@contextlib.asynccontextmanager
async def opened(folder: Path, tell: Callable[[str], None]) -> AsyncGenerator[Editor]:
    """An editor on a folder, with a server of its own that ends with it."""
    process = await asyncio.create_subprocess_exec(
        *server_command(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        # A copy of the example that is gone in a minute would leave its index in the cache.
        env={**os.environ, "ASSAY_INDEX_ENABLED": "off"},
    )
    editor = Editor(process, tell)
    listening = asyncio.create_task(editor.listen())
    try:
        uri = folder.as_uri()
        params: dict[str, Any] = {
            "processId": None,
            "clientInfo": {"name": "assay demo"},
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": folder.name}],
            "capabilities": _CAPABILITIES,
        }
        await editor.request("initialize", params)
        editor.notify("initialized", {})
        yield editor
        await asyncio.wait_for(editor.request("shutdown", None), _END_SECONDS)
        editor.notify("exit", None)
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _END_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def server_command() -> Sequence[str]:
    """The console script beside this Python; where there is none, the same thing without a script.

    Never `python -m`, which would put the current folder on the path: it may hold a `server` of its own.
    """
    script = Path(sys.executable).with_name("assay")
    if script.is_file():
        return (str(script), "lsp")
    return (sys.executable, "-P", "-c", "from server.main import main; raise SystemExit(main())", "lsp")


def edited(text: str, edits: Sequence[Mapping[str, Any]]) -> str:
    """The text with LSP edits (positions in UTF-16 units) put in."""
    raw = text.encode("utf-16-le")
    starts = [0]
    for line in split_lines(text):
        starts.append(starts[-1] + len(line.encode("utf-16-le")))

    def offset(position: Mapping[str, int]) -> int:
        return min(starts[min(position["line"], len(starts) - 1)] + 2 * position["character"], len(raw))

    spans = [(offset(edit["range"]["start"]), offset(edit["range"]["end"]), str(edit["newText"])) for edit in edits]
    for start, end, new in sorted(spans, key=lambda span: (span[0], span[1]), reverse=True):
        raw = raw[:start] + new.encode("utf-16-le") + raw[end:]
    return raw.decode("utf-16-le")


def path_of(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


async def _read(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    length = 0
    while line := (await stream.readline()).strip():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    if not length:
        return None
    try:
        return json.loads(await stream.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
