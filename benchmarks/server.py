"""Start-up and round trips of `assay lsp` against a bare pygls server, in the same run and in turn.

`python -P -m benchmarks.server [ROUNDS]`; writes benchmarks/reports/server.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import Times, heading, in_turn, write

_ASSAY = (str(Path(sys.executable).with_name("assay")), "lsp")
_BARE = (sys.executable, str(Path(__file__).with_name("bare_server.py")))
_REQUESTS = 500  # in one round
_CHANGES = 200
_BAD = 1000

_URI = "file:///bench/a.py"
_AT = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
_ACTION = {"textDocument": {"uri": _URI}, "range": _AT, "context": {"diagnostics": []}}
_LINES = "".join(f"line {number} of text\n" for number in range(20_000))


class Client:
    """Writes a message and reads the answer, and nothing else: a client that costs as little as it can."""

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
        )
        self._ids = 0
        self.told: dict[str, Any] = {}
        """The last notification of each method."""

    def send(self, message: Any) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def request(self, method: str, params: Any) -> Any:
        self._ids += 1
        self.send({"id": self._ids, "method": method, "params": params})
        while (answer := self._read()).get("id") != self._ids or "method" in answer:
            if "method" in answer:
                self.told[answer["method"]] = answer.get("params")
        return answer

    def initialize(self) -> None:
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})

    def ready(self) -> None:
        """Past what is done in the background after `initialized`."""
        self.initialize()
        self.send({"method": "initialized", "params": {}})
        time.sleep(2.0)

    def open(self) -> None:
        document = {"uri": _URI, "languageId": "python", "version": 1, "text": _LINES}
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return json.loads(self._process.stdout.read(length))


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        env = {
            **os.environ,
            "ASSAY_STATE": folder,
            "ASSAY_CACHE": folder,
            "ASSAY_CONFIG": f"{folder}/none",
            "ASSAY_TRUST": "untrusted",
        }
        times = await in_turn(_starts(env), rounds)
        with _running(_BARE, env) as bare, _running(_ASSAY, env) as assay:
            times |= await in_turn(_trips(bare, assay), rounds)
    print(write("server", heading("What the server costs", "python -P -m benchmarks.server") + _table(times)))


@contextmanager
def _running(command: Sequence[str], env: dict[str, str]) -> Iterator[Client]:
    client = Client(command, env)
    try:
        client.ready()
        client.open()
        yield client
    finally:
        client.stop()


def _starts(env: dict[str, str]):
    def start(command: Sequence[str]):
        async def way() -> None:
            client = Client(command, env)
            try:
                client.initialize()
            finally:
                client.stop()

        return way

    return {"start, bare": start(_BARE), "start, assay": start(_ASSAY)}


def _trips(bare: Client, assay: Client):
    versions = iter(range(2, 1_000_000_000))

    def unknown(client: Client):
        async def way() -> None:
            for _ in range(_REQUESTS):
                client.request("bench/unknown", None)

        return way

    def action(client: Client):
        async def way() -> None:
            for _ in range(_REQUESTS):
                client.request("textDocument/codeAction", _ACTION | {"textDocument": {"uri": "file:///closed.py"}})

        return way

    def change(client: Client):
        edit = {
            "range": {"start": {"line": 10_000, "character": 0}, "end": {"line": 10_000, "character": 0}},
            "text": "x",
        }

        async def way() -> None:
            for _ in range(_CHANGES):
                document = {"uri": _URI, "version": next(versions)}
                params = {"textDocument": document, "contentChanges": [edit]}
                client.send({"method": "textDocument/didChange", "params": params})
            client.request("bench/unknown", None)

        return way

    async def bad() -> None:
        for _ in range(_BAD):
            assay.request("textDocument/codeAction", {**_ACTION, "context": {"diagnostics": [], "triggerKind": 9}})

    return {
        "unknown, bare": unknown(bare),
        "unknown, assay": unknown(assay),
        "action, bare": action(bare),
        "action, assay": action(assay),
        "change, bare": change(bare),
        "change, assay": change(assay),
        "bad, assay": bad,
    }


def _table(times: dict[str, Times]) -> str:
    rows = [
        ("process to the answer to `initialize`", "start", 1),
        ("a request for an unknown method", "unknown", _REQUESTS),
        ("`textDocument/codeAction` with an empty answer", "action", _REQUESTS),
        ("an incremental `didChange` in 20,000 lines", "change", _CHANGES),
    ]
    lines = [
        "",
        "Both run in the same environment, in turn. Median milliseconds of one of each, of",
        f"{len(times['start, bare'].rounds)} rounds; the ratio is the median of the rounds' ratios.",
        "",
        "| what | bare pygls | assay | ratio |",
        "|---|---|---|---|",
    ]
    for what, name, count in rows:
        bare, assay = times[f"{name}, bare"], times[f"{name}, assay"]
        each = [f"{milliseconds:,.3f}" if milliseconds < 10 else f"{milliseconds:,.0f}"
                for milliseconds in (time.median / count * 1e3 for time in (bare, assay))]  # fmt: skip
        lines.append(f"| {what} | {each[0]} | {each[1]} | {assay.against(bare):.2f} |")
    bad = times["bad, assay"].median / _BAD * 1e3
    lines += ["", f"An undecodable request is answered in {bad:.2g} ms; stock pygls never answers one.", ""]
    start = times["start, assay"].against(times["start, bare"])
    lines.append(f"The bound for the start is 1.3 times; this is {start:.2f} times.")
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
