"""A client that speaks bytes: for what a well-behaved library would never send, and for seeing what really came."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ASSAY = Path(sys.executable).with_name("assay")
CAPS = Path(__file__).with_name("caps")
PROBE = Path(__file__).with_name("probe_server.py")
WITHIN = 240.0  # seconds; far more than any answer takes, so that a slow machine fails nothing


def capabilities(editor: str) -> dict[str, Any]:
    """What a real editor declared, by the start of its file's name."""
    return json.loads(next(CAPS.glob(f"{editor}*.json")).read_text())


class Wire:
    """One server process and everything it sent."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.received: list[dict[str, Any]] = []
        self.raw = b""
        """Bytes on stdout that are not protocol: must stay empty."""
        self.answer: Callable[[str, Any], Any] = lambda method, params: None
        """What requests of the server are answered with."""
        self.stderr = b""
        self._arrived = asyncio.Condition()
        self._ids = 0
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._read_stderr())]

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def send(self, message: Any) -> None:
        body = json.dumps(message).encode()
        self.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def start(self, method: str, params: Any = None) -> int:
        """Send a request; its id."""
        self._ids += 1
        self.send({"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params})
        return self._ids

    async def request(self, method: str, params: Any = None) -> dict[str, Any]:
        return await self.response(self.start(method, params))

    async def result(self, method: str, params: Any = None) -> Any:
        answer = await self.request(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    async def response(self, request: int | str | None) -> dict[str, Any]:
        return await self.first(lambda message: "method" not in message and message.get("id") == request)

    async def notification(self, method: str, wanted: Callable[[Any], bool] = lambda params: True) -> Any:
        message = await self.first(lambda each: each.get("method") == method and wanted(each.get("params")))
        return message.get("params")

    async def first(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message of all that fits, waiting for it if need be."""

        async def look() -> dict[str, Any]:
            async with self._arrived:
                while True:
                    for message in self.received:
                        if wanted(message):
                            return message
                    if self._tasks[0].done():
                        raise AssertionError(f"the server ended; stderr: {self.stderr.decode()[-2000:]}")
                    await self._arrived.wait()

        return await asyncio.wait_for(look(), WITHIN)

    def sent(self, method: str) -> list[Any]:
        return [message.get("params") for message in self.received if message.get("method") == method]

    def responses(self, request: int | str | None) -> list[dict[str, Any]]:
        return [each for each in self.received if "method" not in each and each.get("id") == request]

    async def initialize(self, **params: Any) -> dict[str, Any]:
        result = await self.result("initialize", {"processId": None, "rootUri": None, "capabilities": {}, **params})
        self.notify("initialized", {})
        return result

    async def logged(self, text: bytes) -> None:
        """Return once stderr has the text."""
        async with asyncio.timeout(WITHIN):
            while text not in self.stderr:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)

    async def ended(self) -> int:
        """The exit code, waiting for it."""
        code = await asyncio.wait_for(self.process.wait(), WITHIN)
        await asyncio.wait(self._tasks)
        return code

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await asyncio.wait(self._tasks)

    async def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        try:
            while True:
                length = 0
                while (line := await stream.readline()).strip():
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                    else:
                        self.raw += line
                if not line:
                    return
                message = json.loads(await stream.readexactly(length))
                if "method" in message and "id" in message:
                    answer = self.answer(message["method"], message.get("params"))
                    if answer is not NO_ANSWER:
                        self.send({"jsonrpc": "2.0", "id": message["id"], "result": answer})
                async with self._arrived:
                    self.received.append(message)
                    self._arrived.notify_all()
        except asyncio.IncompleteReadError:
            return
        finally:
            async with self._arrived:
                self._arrived.notify_all()

    async def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        while chunk := await self.process.stderr.read(1 << 16):
            self.stderr += chunk


NO_ANSWER = object()


async def launch(
    *arguments: str, command: Sequence[str | Path] = (ASSAY, "lsp"), cwd: Path | None = None, **env: str
) -> Wire:
    """A server process; by default the installed console script."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **env},
        cwd=cwd,
        limit=1 << 26,
    )
    return Wire(process)
