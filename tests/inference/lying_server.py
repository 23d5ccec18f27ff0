"""A model server over HTTP that does as it is told, in a process of its own: well, slowly, brokenly or in bad faith.

It is told by the model's name, which is `KIND` or `KIND:JSON`. Every request may name itself in the header `x-name`;
`GET /began/NAME` waits until there is a request of that name, and `GET /seen/NAME` until all of them are over, and says
what was seen of them.

Run: `python lying_server.py [CERTIFICATE AUTHORITY PORT]`, each of which may be empty; the first line of its output is
the port. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

PIECE = 8  # characters in an event
TOKEN = 4  # characters that count as one token


@dataclass(kw_only=True)
class Seen:
    headers: dict[str, str]
    body: dict[str, Any]
    path: str
    connection: int
    """Its number."""
    began: float
    """On the monotonic clock, which processes of one machine share."""
    sent: int = 0
    """Events."""
    left: float | None = None
    """When the client closed the connection before the answer was over."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(kw_only=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int

    @property
    def kind(self) -> str:
        return str(self.body.get("model", "")).partition(":")[0]

    @property
    def options(self) -> dict[str, Any]:
        found = str(self.body.get("model", "")).partition(":")[2]
        return json.loads(found) if found else {}


class Server:
    def __init__(self) -> None:
        self.seen: dict[str, list[Seen]] = {}
        self.began: dict[str, asyncio.Event] = {}
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while request := await self.read(reader, number):
                if not await self.answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def read(self, reader: asyncio.StreamReader, number: int) -> Request | None:
        try:
            first = await reader.readexactly(1)
            if not first.isalpha():  # TLS, where there is none: other servers say something in plain text too
                raise ConnectionError
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        return Request(
            method=method, path=path, headers=headers, body=json.loads(raw) if raw else {}, connection=number
        )

    async def answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays."""
        if request.path.startswith(("/seen/", "/began/")):
            _, when, name = request.path.split("/")
            return await self.tell(when, name, writer)
        seen = Seen(
            headers=request.headers,
            body=request.body,
            path=request.path,
            connection=request.connection,
            began=time.monotonic(),
        )
        name = request.headers.get("x-name", "")
        earlier = self.seen.setdefault(name, [])
        earlier.append(seen)
        self.began.setdefault(name, asyncio.Event()).set()
        reply = Reply(request, writer, seen, attempt=len(earlier))
        work = asyncio.create_task(reply.send())
        gone = asyncio.create_task(reader.read(1))  # nothing is pipelined, so this ends when the client leaves
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not work.done():
            seen.left = time.monotonic()
            work.cancel()
        gone.cancel()
        await asyncio.wait({work, gone})
        if not work.cancelled() and isinstance(work.exception(), ConnectionError):
            seen.left = time.monotonic()
        seen.over.set()
        return not work.cancelled() and work.exception() is None and work.result()

    async def tell(self, when: str, name: str, writer: asyncio.StreamWriter) -> bool:
        if when == "began":
            await self.began.setdefault(name, asyncio.Event()).wait()
        found = self.seen.get(name, [])
        for seen in found:
            if when == "seen":
                await seen.over.wait()
        told = [{key: value for key, value in vars(seen).items() if key != "over"} for seen in found]
        await whole(writer, 200, json.dumps(told).encode())
        return True


async def whole(
    writer: asyncio.StreamWriter, status: int, body: bytes, kind: str = "application/json", **headers: str
) -> None:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    writer.write(head.encode("latin-1") + body)
    await writer.drain()


class Reply:
    """What is sent for one request; each method is one way to behave, by the model's kind."""

    def __init__(self, request: Request, writer: asyncio.StreamWriter, seen: Seen, attempt: int) -> None:
        self.request = request
        self.writer = writer
        self.seen = seen
        self.attempt = attempt

    async def send(self) -> bool:
        """Whether the connection can be used again."""
        if self.request.path.endswith("/models"):
            await whole(self.writer, 200, json.dumps({"object": "list", "data": MODELS}).encode())
            return True
        if self.request.path.endswith("/embeddings"):
            return await self.embeddings()
        ways: dict[str, Callable[[], Coroutine[Any, Any, bool]]] = {
            "say": self.say,
            "status": self.status,
            "raw": self.raw,
            "stuck": self.stuck,
            "silent": self.silent,
            "comments": self.comments,
            "flood": self.flood,
            "then": self.then,
        }
        return await ways[self.request.kind]()

    async def begin(self, kind: str = "text/event-stream; charset=utf-8", **headers: str) -> None:
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n{more}\r\n"
        self.writer.write(head.encode("latin-1"))
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        if data:
            self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await self.writer.drain()

    async def event(self, data: object) -> None:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        await self.chunk(f"data: {text}\n\n".encode("utf-8", "surrogatepass"))
        self.seen.sent += 1

    async def end(self) -> bool:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()
        return True

    def delta(self, text: str, reason: str | None = None) -> dict[str, Any]:
        """In the protocol of the path."""
        path = self.request.path
        if path.endswith("/infill"):
            done = {"stop_type": {"stop": "eos", "length": "limit"}[reason]} if reason else {}
            return {"content": text, "stop": bool(reason), "tokens_predicted": 3, "tokens_evaluated": 7, **done}
        common = {"id": "x", "created": 1, "model": "m", "object": "chat.completion.chunk"}
        if path.endswith("/chat/completions"):
            return {**common, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}
        return {**common, "object": "text_completion", "choices": [{"index": 0, "text": text, "finish_reason": reason}]}

    async def say(self) -> bool:
        """Like a good server: `text` in pieces, each after `delay` seconds, within the limits, and tokens counted."""
        options, body = self.request.options, self.request.body
        text: str = options.get("text", "hello there")
        most = body.get("max_tokens") or body.get("n_predict") or body.get("max_completion_tokens") or 0
        ends = [at for stop in body.get("stop", []) if (at := text.find(stop)) >= 0]
        cut = text if options.get("ignores_limits") else text[: min([*ends, most * TOKEN])]
        await self.begin()
        if self.request.path.endswith("/chat/completions"):
            role = {"role": "assistant", "content": ""}
            await self.event({"choices": [{"index": 0, "delta": role, "finish_reason": None}]})
        for at in range(0, len(cut), PIECE):
            await asyncio.sleep(options.get("delay", 0))
            await self.event(self.delta(cut[at : at + PIECE]))
        reason = "length" if len(cut) < len(text) and not ends else "stop"
        await self.event(self.delta("", options.get("reason", reason)))
        if body.get("stream_options"):
            usage = options.get("usage", {"prompt_tokens": 5, "completion_tokens": len(cut) // TOKEN})
            await self.event({"choices": [], "usage": usage})
        if not self.request.path.endswith("/infill"):
            await self.event("[DONE]")
        return await self.end()

    async def status(self) -> bool:
        """Refuse with `code`, `body` and the headers `sends`; only the first `times` times, if given."""
        options = self.request.options
        if self.attempt > options.get("times", 1 << 30):
            return await self.say()
        body = options.get("body", {"error": {"message": "because", "code": options["code"]}})
        raw = body if isinstance(body, str) else json.dumps(body)
        if options.get("echo_key"):
            raw = json.dumps({"error": {"message": f"bad key {self.request.headers['authorization'][10:-3]}"}})
        kind = options.get("as", "application/json")
        await whole(self.writer, options["code"], raw.encode(), kind, **options.get("sends", {}))
        return True

    async def raw(self) -> bool:
        """Send `chunks`, each latin-1 text for bytes, of the type `as`; then end well, or `reset` the connection."""
        options = self.request.options
        await self.begin(options.get("as", "text/event-stream"), **options.get("sends", {}))
        for chunk in options["chunks"]:
            await self.chunk(chunk.encode("latin-1"))
            self.seen.sent += 1
        if options.get("reset"):
            self.writer.transport.abort()
            return False
        return await self.end()

    async def stuck(self) -> bool:
        """Say `text`, then nothing for ever; `finished` says whether the reason for the end came."""
        options = self.request.options
        await self.begin()
        await self.event(self.delta(options.get("text", "half")))
        if options.get("finished"):
            await self.event(self.delta("", "stop"))
        await asyncio.sleep(3600)
        return False

    async def silent(self) -> bool:
        """Take the request, and not even answer with a head."""
        await asyncio.sleep(3600)
        return False

    async def comments(self) -> bool:
        """Begin, and then send nothing but signs of life."""
        await self.begin()
        while True:
            await self.chunk(b": still here\n\n")
            await asyncio.sleep(0.02)

    async def flood(self) -> bool:
        """Text without an end and faster than anybody reads: `chunk` again and again."""
        chunk = self.request.options.get("chunk") or f"data: {json.dumps(self.delta('x' * 1000))}\n\n"
        await self.begin()
        while True:
            await self.chunk(chunk.encode())

    async def then(self) -> bool:
        """Say it well, and go on with `after` in the place of the counts."""
        await self.begin()
        await self.event(self.delta("whole"))
        await self.event(self.delta("", "stop"))
        await self.chunk(self.request.options["after"].encode("latin-1"))
        if self.request.options.get("reset"):
            self.writer.transport.abort()
            return False
        return await self.end()

    async def embeddings(self) -> bool:
        """Vectors of the length of the text, its first character and 1; spoilt as the model's kind says."""
        if self.request.kind in ("status", "silent"):
            return await (self.status() if self.request.kind == "status" else self.silent())
        texts: list[str] = self.request.body["input"]
        rows: list[Any] = [[float(len(text)), float(ord(text[0])), 1.0] for text in texts]
        items = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(rows)]
        spoil = self.request.options
        if "replace" in spoil:
            items[0].update(spoil["replace"])
        if spoil.get("shuffled"):
            items.reverse()
        if spoil.get("fewer"):
            items.pop()
        if spoil.get("more"):
            items.append({**items[0], "index": len(items)})
        body = json.dumps({"object": "list", "data": items}) if "body" not in spoil else spoil["body"]
        await whole(self.writer, 200, body.encode(), spoil.get("as", "application/json"))
        return True


MODELS: list[Any] = [
    {"id": "one", "object": "model", "max_model_len": 4096},
    {"id": "two", "object": "model", "context_length": True},
    {"id": "bad\nname"},
    {"id": 7},
    "three",
    {"id": "x" * 1000},
]


async def main(certificate: str = "", authority: str = "", port: str = "0") -> None:
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        if authority:
            tls.load_verify_locations(authority)
            tls.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(Server().serve, "127.0.0.1", int(port), ssl=tls, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


@contextmanager
def running(*arguments: str) -> Generator[str, None, None]:
    """Its address, such as http://127.0.0.1:40001, while it runs."""
    command = [sys.executable, "-P", str(Path(__file__)), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        watch = threading.Timer(60.0, process.kill)  # a server that does not start is no reason to wait for ever
        watch.start()
        port = process.stdout.readline().decode().strip()
        watch.cancel()
        assert port, "the lying server did not start"
        try:
            yield f"{'https' if any(arguments[:1]) else 'http'}://127.0.0.1:{port}"
        finally:
            process.kill()


def seen_by(address: str, name: str, tls: ssl.SSLContext | None = None) -> list[dict[str, Any]]:
    """What the server saw of the requests of this name, when they are over."""
    with urlopen(f"{address}/seen/{name}", timeout=30, context=tls) as answer:
        return json.loads(answer.read())


def wait_until_begun(address: str, name: str) -> None:
    """Until the server has a request of this name."""
    with urlopen(f"{address}/began/{name}", timeout=30) as answer:
        answer.read()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
