"""A model server of zero delay, which answers every completion with the same text and says when each request came.

`python stub_model.py`: its port is the first line of its output, and after that a line for each request, the monotonic
time at which its first bytes were there.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

TEXT = "value_of(argument, other)"
_EVENT = json.dumps({"object": "text_completion", "choices": [{"index": 0, "text": TEXT, "finish_reason": "stop"}]})
_BODY = f"data: {_EVENT}\n\ndata: [DONE]\n\n".encode()
_ANSWER = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(_BODY)) + _BODY


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while first := await reader.read(1):
            came = time.monotonic()
            head = (first + await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length)) if length else b""
            writer.write(_ANSWER)
            if b"/completions" in head.partition(b"\r\n")[0] and b'"max_tokens":16,' not in body.replace(b" ", b""):
                print(came, flush=True)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(_main())
