"""A workspace with its index host, asked as the server asks it, and the instruments to look at both."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from retrieval.cache.sqlite import SqliteVectorCache
from retrieval.embedding.minilm import MiniLM
from retrieval.host.client import IndexClient
from retrieval.host.place import Place
from retrieval.index.progress import Progress
from retrieval.store.edge import EdgeStore
from server.indexing import index_client, index_place
from server.settings import IndexSettings

WORDS = IndexSettings(embedder="none")
DEFAULT = IndexSettings()
_MB = 1e6
_HOST_GOES = 60.0
"""Seconds within which a host without clients must have gone."""
_TICK = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report."""

    what: str
    value: str
    beside: str = ""
    """The peer or the limit, measured in the same run."""
    ratio: float | None = None
    bound: str = ""
    met: bool | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """:param share: 0.5 for the median."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g} ms" if seconds < 1 else f"{seconds * 1e3:,.0f} ms"


@dataclass
class Desk:
    """One workspace and its cache folder."""

    root: Path
    cache: Path
    is_patient: bool = False
    """Whether hosts go by themselves, 5 s after their last window, or are ended: what is stored survives both."""

    def place(self) -> Place:
        return index_place(self.root, WORDS, self._env)

    @property
    def _env(self) -> dict[str, str]:
        return {"ASSAY_CACHE": str(self.cache)}

    @asynccontextmanager
    async def client(
        self, settings: IndexSettings, on_progress: Callable[[Progress], None] | None = None, *, last: bool = True
    ) -> AsyncGenerator[IndexClient]:
        """A window. When the last one closes, this returns when the host is gone."""
        client = index_client(self.root, settings, self._env, on_progress=on_progress)
        try:
            yield client
        finally:
            family: list[psutil.Process] = []
            if client.pid:
                with contextlib.suppress(psutil.NoSuchProcess):
                    host = psutil.Process(client.pid)
                    family = [host, *host.children(recursive=True)]
            await client.close()
            if last:
                for process in [] if self.is_patient else family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
                await asyncio.to_thread(psutil.wait_procs, family, timeout=_HOST_GOES)

    async def prime(self, dimension_of: MiniLM) -> int:
        """Put a random unit vector for each chunk of the index into the cache of embeddings; no host may run.

        :returns: chunks.
        """
        store = EdgeStore.open(self.place().store)
        cache = SqliteVectorCache.open(self.cache / "vectors.sqlite")
        chance = np.random.default_rng(5)
        count = 0
        try:
            await store.add_embedder(dimension_of.id, dimension_of.dimension)
            async for batch in store.without_vectors(dimension_of.id):
                rows = unit_rows(chance, len(batch), dimension_of.dimension)
                digests = [chunk.digest for _, chunk in batch]
                await cache.put(dimension_of.id, dict(zip(digests, rows.tolist(), strict=True)))
                count += len(batch)
        finally:
            await cache.close()
            await store.close()
        return count


def unit_rows(chance: np.random.Generator, rows: int, dimension: int) -> np.ndarray:
    made = chance.standard_normal((rows, dimension), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


async def filled(client: IndexClient, *, every: float = 0.5) -> Progress:
    """Waits for all vectors, and asks all the time, so that the store is not optimised meanwhile."""
    filling = asyncio.ensure_future(client.settled(dense=True))
    while not filling.done():
        await client.call("settled")
        await asyncio.wait([filling], timeout=every)
    return filling.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Megabytes, each shared page counted for its share (PSS)."""

    host: float
    children: float
    files: float
    """Of both: pages of files, which the kernel takes back when it needs them."""
    processes: int

    @property
    def total(self) -> float:
        return self.host + self.children

    def __str__(self) -> str:
        return (
            f"{self.total:,.0f} MB (host {self.host:,.0f}, its {self.processes - 1} children {self.children:,.0f}; "
            f"{self.files:,.0f} of them pages of files)"
        )


def memory(pid: int) -> Memory:
    """Of an index host and the processes that it started."""
    family = psutil.Process(pid).children(recursive=True)
    host, files = _pss(pid)
    children = 0.0
    for process in family:
        with contextlib.suppress(OSError):
            all_, of_files = _pss(process.pid)
            children += all_
            files += of_files
    return Memory(host=host, children=children, files=files, processes=1 + len(family))


def _pss(pid: int) -> tuple[float, float]:
    """Megabytes: all, and those of files. proc(5), smaps_rollup."""
    fields = dict(line.split()[:2] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Pss:"]) * 1024 / _MB, int(fields["Pss_File:"]) * 1024 / _MB


class Watch:
    """The most memory that a host and its children had together, looked at ten times a second."""

    def __init__(self, client: IndexClient) -> None:
        self._client = client
        self.most = Memory(host=0, children=0, files=0, processes=1)

    async def run(self) -> None:
        while True:
            with contextlib.suppress(psutil.Error, OSError):
                if self._client.pid:
                    now = await asyncio.to_thread(memory, self._client.pid)
                    self.most = max(self.most, now, key=lambda one: one.total)
            await asyncio.sleep(0.1)


class Ticker:
    """Wakes every millisecond on the event loop, and notes by how much it was late: the loop's stalls."""

    def __init__(self) -> None:
        self.late: list[float] = []

    def _when(self) -> float:
        """Seconds until the longest stall."""
        at = self.late.index(max(self.late))
        return sum(self.late[:at]) + at * _TICK

    async def run(self) -> None:
        while True:
            due = time.perf_counter() + _TICK
            await asyncio.sleep(_TICK)
            self.late.append(time.perf_counter() - due)

    def __str__(self) -> str:
        over = sum(one > 0.010 for one in self.late)
        return (
            f"{milliseconds(max(self.late))} (after {self._when():.1f} s; "
            f"p99.9 {milliseconds(percentile(self.late, 0.999))}, {over} of {len(self.late):,} over 10 ms)"
        )


@asynccontextmanager
async def beside(*jobs: Callable[[], object]) -> AsyncGenerator[None]:
    """Runs these coroutine functions until the block ends."""
    gc.collect()
    tasks = [asyncio.ensure_future(job()) for job in jobs]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
