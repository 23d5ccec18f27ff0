"""A way between a client and a server that can go dead without a word, as one does when a laptop changes networks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class Passage:
    """Forwards bytes both ways until it goes dead: its connections stay open then, and nothing comes through them.
    Those made afterwards work."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._ways: list[asyncio.Task[None]] = []
        self._ends: list[asyncio.StreamWriter] = []
        self.connections = 0

    def go_dead(self) -> None:
        for way in self._ways:
            way.cancel()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends += [writer, back_writer]
        self._ways += [
            asyncio.create_task(_copy(reader, back_writer)),
            asyncio.create_task(_copy(back_reader, writer)),
        ]

    async def close(self) -> None:
        self.go_dead()
        await asyncio.gather(*self._ways, return_exceptions=True)
        for end in self._ends:
            end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def passage(port: int) -> AsyncGenerator[tuple[Passage, int], None]:
    """A passage to that port of 127.0.0.1, and its own port."""
    made = Passage(port)
    server = await asyncio.start_server(made.take, "127.0.0.1", 0)
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await made.close()
