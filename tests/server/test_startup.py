"""What starting costs, said as what is not imported; the seconds are in the benchmarks."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.server.conftest import Launch
from tests.server.wire import ASSAY

pytestmark = pytest.mark.asyncio(loop_scope="module")

_IMPORTED = """
import asyncio, json, sys
from server.app import build
import server.cli.lsp, server.main, server.serving, server.stdio, server.transport
async def main():
    server = build()
    server.protocol.outbox = type("Nowhere", (), {"write": lambda *_: None, "unread": lambda *_: 0})()
    params = {"processId": None, "rootUri": None, "capabilities": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    server.protocol.receive(json.dumps(message).encode())
    print(json.dumps(sorted(sys.modules)))
asyncio.run(main())
"""

LATER = ("assist", "inference.scripted", "sandbox.find", "sandbox.runsc", "sandbox.verify", "sandbox.store",
         "sandbox.testrun", "workspace.project", "workspace.tests", "workspace.walk", "rich", "pathspec", "pytest",
         "difflib", "tomllib", "platformdirs")  # fmt: skip
LIGHT = {
    "assist", "assist.chat", "assist.chat.errors", "assist.chat.given", "assist.nextedit", "assist.nextedit.trail",
}  # fmt: skip
"""Values and names of errors alone, and what every document notes of its changes."""


async def test_nothing_heavy_is_imported_before_the_answer_to_initialize() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", _IMPORTED, stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await process.communicate()
    assert process.returncode == 0
    modules = json.loads(stdout)
    assert "server.protocol" in modules
    early = {name for name in modules for later in LATER if name == later or name.startswith(f"{later}.")}
    assert early <= LIGHT


async def test_the_server_is_not_led_astray_by_a_workspace_with_its_names(assay: Launch, tmp_path: Path) -> None:
    """Started inside of a workspace that has packages of the same names, and modules of the standard library's."""
    for name in ("server", "workspace", "sandbox", "assist", "inference", "pygls", "lsprotocol", "cattrs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("open('poisoned', 'w').close(); raise SystemExit(66)\n")
    for name in ("json", "asyncio", "argparse", "typing"):
        (tmp_path / f"{name}.py").write_text("open('poisoned', 'w').close(); raise SystemExit(66)\n")
    wire = await assay(cwd=tmp_path)
    await wire.initialize(rootUri=tmp_path.as_uri())
    await wire.notification("assay/status")
    await wire.result("shutdown")
    wire.notify("exit")
    assert await wire.ended() == 0
    assert not (tmp_path / "poisoned").exists()


async def test_help_and_mistakes_on_the_command_line() -> None:
    for arguments, code, says in (
        (["--help"], 0, b"run the language server"),
        (["lsp", "--help"], 0, b"--tcp HOST:PORT"),
        (["--version"], 0, b"assay "),
        (["no-such"], 2, b"invalid choice"),
        ([], 2, b"COMMAND"),
        (["lsp", "--no-such"], 2, b"--no-such"),
    ):
        process = await asyncio.create_subprocess_exec(
            str(ASSAY), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        stdout, _ = await process.communicate()
        assert (process.returncode, says in stdout) == (code, True), (arguments, stdout)
