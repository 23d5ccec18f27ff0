"""The same odd features on stock pygls and on our protocol: `probe_server.py stock|mended`.

What stock pygls does wrong with them is asserted too, so that an upgrade shows which mend can go.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer


def add_probes(server: LanguageServer) -> None:
    @server.command("probe.slow")
    async def slow(ls: LanguageServer, *_: Any) -> str:
        for step in range(8):
            ls.window_log_message(lsp.LogMessageParams(type=lsp.MessageType.Info, message=f"step {step}"))
            await asyncio.sleep(0.1)
        await ls.workspace_apply_edit_async(lsp.ApplyWorkspaceEditParams(edit=lsp.WorkspaceEdit(changes={})))
        return "done"

    @server.feature("probe/echo")
    def echo(ls: LanguageServer, params: Any) -> Any:
        return params

    @server.feature("probe/pause")
    async def pause(ls: LanguageServer, params: Any) -> str:
        await asyncio.sleep(0.05)
        return "paused"

    @server.feature("probe/boom")
    def boom(ls: LanguageServer, params: Any) -> None:
        raise RuntimeError("secret text of /home/somebody/file.py")

    @server.feature("probe/boomLater")
    async def boom_later(ls: LanguageServer, params: Any) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("secret text of /home/somebody/file.py")

    @server.feature("probe/boomNote")
    async def boom_note(ls: LanguageServer, params: Any) -> None:
        raise RuntimeError("secret text of /home/somebody/file.py")

    @server.feature("probe/unsendable")
    def unsendable(ls: LanguageServer, params: Any) -> Any:
        return {"what": object()}

    @server.feature("probe/print")
    def stray_print(ls: LanguageServer, params: Any) -> str:
        print("a stray print")
        sys.stdout.flush()
        return "printed"

    @server.feature("probe/child")
    def chatty_child(ls: LanguageServer, params: Any) -> str:
        # Writes to the stdout it inherits, and reads the stdin it inherits: both would be the protocol's.
        code = "import sys; print('from the child'); sys.stdout.flush(); print(len(sys.stdin.read(5)))"
        subprocess.run([sys.executable, "-c", code], check=True)
        return "ran"

    @server.feature("probe/flood")
    async def flood(ls: LanguageServer, params: Any) -> str:
        for _ in range(params["count"] if isinstance(params, dict) else params.count):
            ls.protocol.notify("probe/noise", {"text": "x" * 100_000})
            await asyncio.sleep(0)
        print("flooded", file=sys.stderr, flush=True)
        return "flooded"

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION)
    def actions(ls: LanguageServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        return []

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hover(ls: LanguageServer, params: lsp.HoverParams) -> None:
        await asyncio.sleep(30)

    @server.feature("probe/ask")
    async def ask(ls: LanguageServer, params: Any) -> str:
        protocol: Any = ls.protocol
        answer = await protocol.ask(lsp.WORKSPACE_CODE_LENS_REFRESH, None, within=0.2)
        return f"answer: {answer}"


def stock() -> None:
    server = LanguageServer("stock", "1")
    add_probes(server)

    @server.feature("probe/futures")
    def futures(ls: LanguageServer, params: Any) -> int:
        return len(ls.protocol._request_futures)

    @server.feature("assay/debug/document")
    def document(ls: LanguageServer, params: Any) -> Any:
        return {"text": ls.workspace.get_text_document(params.uri).source}

    server.start_io()


async def mended() -> int:
    from server.stdio import claim_stdio

    inbox, outbox = claim_stdio()
    from server.app import build
    from server.serving import serve
    from server.transport import open_inbox, open_outbox

    server = build(debug=True, features=False)
    add_probes(server)
    return await serve(server, open_inbox(inbox), await open_outbox(outbox))


if __name__ == "__main__":
    from server.log import start_logging

    if sys.argv[1] == "stock":
        stock()
    else:
        log = start_logging("debug")
        code = asyncio.run(mended())
        log.close()
        sys.exit(code)
