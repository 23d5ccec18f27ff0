"""Embeddings in the team's Redis, so that a teammate's clone embeds nothing twice. Only this module imports `redis`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import redis.asyncio
from redis.exceptions import RedisError

from retrieval.cache.codec import decoded, encoded
from retrieval.errors import RetrievalError

TTL_SECONDS = 30 * 86_400
"""After which a vector that was not written again is dropped."""

_CONNECT_SECONDS = 0.2
_CALL_SECONDS = 0.5
"""For one batch. A Redis that is away refuses in a millisecond; one that hangs costs this once."""

_PAUSE_SECONDS = 5.0
"""How long Redis is not asked again after it failed."""

_BATCH = 256
"""Keys in one round trip: 200 kB of vectors."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class RedisVectorCache:
    """A `VectorCache`. Keys are `assay:vec:EMBEDDER:DIGEST`.

    :param url: `rediss://USER:PASSWORD@HOST:PORT/0`, or `redis://` without TLS, or `unix://`. It is in no log and no
        error.
    :param pause_seconds: how long a Redis that failed is left alone.
    :raises RetrievalError: when the URL cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        ttl_seconds: int = TTL_SECONDS,
        pause_seconds: float = _PAUSE_SECONDS,
        connect_seconds: float = _CONNECT_SECONDS,
        call_seconds: float = _CALL_SECONDS,
    ) -> None:
        try:
            self._redis: Any = redis.asyncio.from_url(
                url,
                retry=None,  # the default waits for 1.9 s before it says that nobody is there
                socket_connect_timeout=connect_seconds,
                socket_timeout=call_seconds,
                decode_responses=False,
            )
        except (ValueError, RedisError, TypeError):
            # Without its cause, which may hold parts of the password.
            raise RetrievalError("The URL of the Redis server cannot be used.") from None
        self._ttl_seconds = ttl_seconds
        self._pause_seconds = pause_seconds
        self._call_seconds = call_seconds
        self._paused_until = 0.0

    async def get(self, embedder: str, digests: Sequence[str]) -> Mapping[str, Sequence[float]]:
        found: dict[str, Sequence[float]] = {}
        for start in range(0, len(digests), _BATCH):
            part = digests[start : start + _BATCH]
            values = await self._call(self._redis.mget, [_key(embedder, digest) for digest in part])
            if values is None:
                break
            for digest, value in zip(part, values, strict=True):
                if (vector := decoded(value, embedder)) is not None:
                    found[digest] = vector
        return found

    async def put(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        items = [(digest, data) for digest, vector in vectors.items() if (data := encoded(vector)) is not None]
        for start in range(0, len(items), _BATCH):
            pipeline = self._redis.pipeline(transaction=False)
            for digest, data in items[start : start + _BATCH]:
                pipeline.set(_key(embedder, digest), data, ex=self._ttl_seconds)
            if await self._call(pipeline.execute) is None:
                return

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._redis.aclose(), _CALL_SECONDS)
        except (RedisError, OSError, TimeoutError):
            log.debug("the connection to Redis was not closed in order")

    async def _call(self, request: Callable[..., Awaitable[T]], *arguments: object) -> T | None:
        """What Redis answers; None when it does not, and at once while it is left alone."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            answer = await asyncio.wait_for(request(*arguments), self._call_seconds)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._paused_until:
                log.warning("the team's cache of embeddings is left out: %s", type(error).__name__)
            self._paused_until = time.monotonic() + self._pause_seconds
            return None
        if self._paused_until:
            log.info("the team's cache of embeddings is back")
            self._paused_until = 0.0
        return answer


def _key(embedder: str, digest: str) -> str:
    return f"assay:vec:{embedder}:{digest}"
