"""What the caches of answers and completions cost, each beside its limit.

`python -P -m benchmarks.inference_cache` prints the table; `make bench` calls `measure`.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import inference.cache.completions as completions_module
from inference.cache.answers import CachedGenerator
from inference.cache.completions import CompletionCache, Context
from inference.cache.keys import Tenant, cache_key
from inference.cache.memory import MemoryCache
from inference.cache.redis import RedisCache
from inference.cache.sqlite import SqliteCache
from inference.cache.tiered import TieredCache
from inference.ports import Cache, GenerateRequest, Message
from inference.scripted import ScriptedAnswer, ScriptedGenerator

_ENTRIES = 500
_VALUE = bytes(range(256)) * 8
"""2 kB: a chat answer, compressed."""
_LIFE = 600.0
_TENANT = Tenant(name="bench", secret=bytes(32))
_PROMPT = "def f(a, b):\n    return a + b\n" * 500
"""15 kB: a prompt with its context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one call, in seconds."""

    what: str
    p50: float
    p99: float
    worst: float
    limit: float | None = None
    """That the p99 must be under."""

    @property
    def met(self) -> bool | None:
        return None if self.limit is None else self.p99 < self.limit


async def measure(folder: Path, *, calls: int = 2_000) -> list[Cost]:
    """Every measurement; those with Redis only where there is a redis-server."""
    costs = [
        await hits("memory", MemoryCache(), calls, limit=0.002),
        await hits("SQLite", SqliteCache(folder / "answers.sqlite"), calls),
        await hits("memory before SQLite", TieredCache(MemoryCache(), SqliteCache(folder / "t.sqlite")), calls),
        await answer(calls),
        *forwarding(calls),
    ]
    if shutil.which("redis-server"):
        with redis_server(folder) as (url, process):
            await answers(url)
            costs.append(await hits("Redis", RedisCache(url, prefix=_TENANT.prefix), calls, limit=0.005))
            costs += await dead(url, process, calls)
    costs.append(await silent(calls))
    return costs


async def hits(name: str, cache: Cache, calls: int, *, limit: float | None = None) -> Cost:
    keys = [number.to_bytes(32, "big") for number in range(_ENTRIES)]
    for key in keys:
        await cache.put(key, _VALUE, seconds=_LIFE)
    for key in keys:
        if await cache.get(key) != _VALUE:
            raise RuntimeError(f"{name} lost an entry")
    cost = await timed(f"hit, {name}", lambda number: cache.get(keys[number % _ENTRIES]), calls, limit=limit)
    await cache.close()
    return cost


async def answer(calls: int) -> Cost:
    """A whole answer of 2 kB to a prompt of 15 kB: key, lookup, proof, decompression, replay."""
    inner = ScriptedGenerator([ScriptedAnswer(text="a line of an answer\n" * 100)])
    generator = CachedGenerator(inner, MemoryCache(), tenant=_TENANT)
    request = GenerateRequest(messages=(Message(role="user", content=_PROMPT),))

    async def ask(_: int) -> None:
        async for _ in generator.stream(request):
            pass

    await ask(0)
    await asyncio.sleep(0)
    cost = await timed("whole answer from memory, first to last piece", ask, calls, limit=0.002)
    await generator.close()
    return cost


def forwarding(calls: int) -> list[Cost]:
    """200 completions of 20 to 600 characters in a file of 100 kB, asked for while they are typed along."""
    text = Path(completions_module.__file__).read_text("utf-8") * 20
    cache = CompletionCache()

    def at(place: int, typed: str = "") -> Context:
        return Context(document="a.py", prefix=text[:place] + typed, suffix=text[place + 700 :], version="1")

    asked = [(2_000 + 317 * number, (20, 40, 80, 200, 600)[number % 5]) for number in range(200)]
    for place, size in asked:
        cache.keep(at(place), text[place : place + size])
    along = [
        Context(
            document="a.py",
            prefix=text[: place + size * (number % 7) // 8],
            suffix=text[place + 700 :],
            version="1",
        )
        for number in range(calls)
        for place, size in [asked[number % 200]]
    ]
    missed = [at(asked[number % 200][0], "nowhere") for number in range(calls)]
    return [
        summed("completion typed along", [once(cache.look, context) for context in along], limit=0.000_1),
        summed("completion missed", [once(cache.look, context) for context in missed], limit=0.000_1),
        summed("completion kept", [once(lambda at: cache.keep(at, "word"), context) for context in missed]),
        summed("key of a prompt of 15 kB", [once(_key, _PROMPT) for _ in range(calls)]),
    ]


async def dead(url: str, process: subprocess.Popen[bytes], calls: int) -> list[Cost]:
    """Of a Redis that is killed while it is used: the call that finds out, and those after it."""
    cache = RedisCache(url, prefix=_TENANT.prefix)
    await cache.put(bytes(32), _VALUE, seconds=_LIFE)
    process.kill()
    process.wait()
    first = await timed("Redis that died, the first call", lambda _: cache.get(bytes(32)), 1)
    others = await timed("Redis that died, the calls after it", lambda _: cache.get(bytes(32)), calls)
    await cache.close()
    fresh = RedisCache(url, prefix=_TENANT.prefix)
    refused = await timed("Redis that never was there, the first call", lambda _: fresh.get(bytes(32)), 1)
    await fresh.close()
    return [first, others, refused]


async def silent(calls: int) -> Cost:
    """Of a Redis that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cache = RedisCache(f"redis://127.0.0.1:{listener.getsockname()[1]}/0", prefix=_TENANT.prefix)
        cost = await timed("Redis that hangs", lambda _: cache.get(bytes(32)), calls)
        await cache.close()
    return cost


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0", process
    finally:
        process.kill()
        process.wait()


async def answers(url: str) -> None:
    """Wait until Redis does."""
    deadline = time.monotonic() + 10
    while True:
        cache = RedisCache(url, prefix="probe:", call_seconds=1.0)
        await cache.put(bytes(32), b"value", seconds=_LIFE)
        found = await cache.get(bytes(32))
        await cache.close()
        if found:
            return
        if time.monotonic() > deadline:
            raise RuntimeError("redis-server does not answer")
        await asyncio.sleep(0.02)


async def timed(what: str, call: Callable[[int], Awaitable[object]], calls: int, *, limit: float | None = None) -> Cost:
    times: list[float] = []
    for number in range(calls):
        began = time.perf_counter()
        await call(number)
        times.append(time.perf_counter() - began)
    return summed(what, times, limit=limit)


def once(call: Callable[..., object], argument: object) -> float:
    """Of this thread's own time: nothing here waits, and a busy machine shall not count."""
    began = time.thread_time()
    call(argument)
    return time.thread_time() - began


def summed(what: str, times: Sequence[float], *, limit: float | None = None) -> Cost:
    ordered = sorted(times)
    return Cost(
        what=what,
        p50=ordered[len(ordered) // 2],
        p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        worst=ordered[-1],
        limit=limit,
    )


def table(costs: Sequence[Cost]) -> str:
    lines = ["", "| what | p50 | p99 | worst | limit | met |", "|---|---|---|---|---|---|"]
    for cost in costs:
        limit = "" if cost.limit is None else _shown(cost.limit)
        met = {None: "", True: "yes", False: "**no**"}[cost.met]
        lines.append(
            f"| {cost.what} | {_shown(cost.p50)} | {_shown(cost.p99)} | {_shown(cost.worst)} | {limit} | {met} |"
        )
    return "\n".join(lines)


def _shown(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us" if seconds < 0.001 else f"{seconds * 1e3:,.2f} ms"


def _key(prompt: str) -> bytes:
    return cache_key(_TENANT, kind="chat", model="m", version="", parameters=("128",), prompt=("user", prompt))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as place:
        print(table(asyncio.run(measure(Path(place)))))
