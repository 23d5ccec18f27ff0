"""What a team shares in its Redis. Only this module of the package imports `redis`, which takes 0.3 s."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import redis.asyncio
from redis.exceptions import RedisError

from inference.errors import InferenceError

_CONNECT_SECONDS = 1.0
"""For a connection with TLS. Nobody waits for it longer than for a call."""

_CALL_SECONDS = 0.05
"""That a request for a completion may lose to a Redis that hangs; one in the same building answers within 1 ms."""

_PAUSE_SECONDS = 5.0
"""How long Redis is not asked again after it failed."""

_MOST_CALLS = 64
"""At the same time; more are not made."""

_MOST_BYTES = 1024 * 1024
"""Of one value; also of what is read, as others can write there."""

_FORMAT = b"\x01"
"""Before each value: `GETRANGE`, which reads no more than is asked for, gives an empty one for none."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class RedisCache:
    """A `Cache`. Redis itself forgets what is over, and what was not used for longest when it is told to.

    A connection is tried beside the calls, which wait for it no longer than for an answer: a Redis that is away costs
    `call_seconds` at most in each `pause_seconds`.

    :param url: `rediss://USER:PASSWORD@HOST:PORT/0`, or `redis://` without TLS, or `unix://`. It is in no log and no
        error.
    :param prefix: before each key, see `Tenant.prefix`.
    :param ca: a PEM file of the authorities to trust, in place of the well-known ones.
    :raises InferenceError: when the URL cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        ca: Path | None = None,
        call_seconds: float = _CALL_SECONDS,
        connect_seconds: float = _CONNECT_SECONDS,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        options: dict[str, Any] = {"ssl_ca_certs": str(ca)} if ca and url.startswith("rediss:") else {}
        try:
            self._redis: Any = redis.asyncio.from_url(
                url,
                retry=None,  # the default waits for 1.9 s before it says that nobody is there
                socket_connect_timeout=connect_seconds,
                socket_timeout=connect_seconds,  # a call has its own, shorter limit
                decode_responses=False,
                **options,
            )
        except (ValueError, RedisError, TypeError):
            # Without its cause, which may hold parts of the password.
            raise InferenceError("The URL of the Redis server cannot be used; see docs/caches.md.") from None
        self._prefix = prefix.encode()
        self._call_seconds = call_seconds
        self._connect_seconds = connect_seconds
        self._pause_seconds = pause_seconds
        self._paused_until = 0.0
        self._is_reached = False
        self._probe: asyncio.Task[None] | None = None
        self._probe_began = 0.0
        self._calls = 0
        self._was_said = False

    async def get(self, key: bytes) -> bytes | None:
        value = await self._call(lambda: self._redis.getrange(self._key(key), 0, _MOST_BYTES))
        if not isinstance(value, bytes) or not value.startswith(_FORMAT) or len(value) > _MOST_BYTES:
            return None
        return value[len(_FORMAT) :]

    async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
        if len(value) + len(_FORMAT) > _MOST_BYTES or seconds <= 0:
            await self._call(lambda: self._redis.delete(self._key(key)))
            return
        life = max(1, int(seconds * 1_000))
        await self._call(lambda: self._redis.set(self._key(key), _FORMAT + value, px=life))

    async def close(self) -> None:
        if self._probe:
            self._probe.cancel()
            await asyncio.wait({self._probe})
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._redis.aclose()
        except (RedisError, OSError, TimeoutError):
            log.debug("the connection to Redis was not closed in order")

    def _key(self, key: bytes) -> bytes:
        return self._prefix + key.hex().encode()

    async def _call(self, request: Callable[[], Awaitable[T]]) -> T | None:
        """What Redis answers; None when it does not, and at once while it is left alone."""
        if time.monotonic() < self._paused_until or self._calls >= _MOST_CALLS:
            return None
        self._calls += 1
        try:
            if not self._is_reached and not await self._reach():
                return None
            async with asyncio.timeout(self._call_seconds):
                return await request()
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(type(error).__name__)
            return None
        finally:
            self._calls -= 1

    async def _reach(self) -> bool:
        """Whether there is a connection now; it is made by a task, which goes on when this cannot wait any longer."""
        if self._probe is None:
            self._probe_began = time.monotonic()
            self._probe = asyncio.create_task(self._ping())
        left = self._probe_began + self._call_seconds - time.monotonic()
        if left > 0:
            await asyncio.wait({self._probe}, timeout=left)
        return self._is_reached

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(2 * self._connect_seconds):
                await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(type(error).__name__)
        else:
            self._is_reached = True
            if self._was_said:
                self._was_said = False
                log.info("the team's cache of answers is back")
        finally:
            self._probe = None

    def _failed(self, name: str) -> None:
        if not self._was_said:
            self._was_said = True
            log.warning("the team's cache of answers is left out: %s", name)
        self._is_reached = False
        self._paused_until = time.monotonic() + self._pause_seconds
