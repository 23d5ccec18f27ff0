"""One connection of gRPC, and the limit of time on a call; the libraries come from `inference.triton.channel`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from typing import Any

from inference.deadline import Deadline
from inference.triton.endpoint import TritonEndpoint

_MAX_MESSAGE = 32 << 20  # bytes, either way; vectors for 32 texts are 8 MB at most
_KEEPALIVE_MS = 30_000  # Triton bears two pings without data; both limits of silence here are under three
_KEEPALIVE_TIMEOUT_MS = 5_000
_STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


class Line:
    """One connection, and how many calls run over it. It is closed after the last of them once it is left."""

    def __init__(self, sdk: Any, endpoint: TritonEndpoint, credentials: Any) -> None:
        connect = int(endpoint.connect_seconds * 1000)
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.max_send_message_length", _MAX_MESSAGE),
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ("grpc.min_reconnect_backoff_ms", connect),  # which is the limit of connecting, whatever its name
            ("grpc.use_local_subchannel_pool", 1),  # else one that is half open would be shared by those after it
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.primary_user_agent", "assay"),
        ]
        target = f"dns:///{endpoint.address}"
        if credentials is None:
            self._channel = sdk.aio.insecure_channel(target, options=options)
        else:
            self._channel = sdk.aio.secure_channel(target, credentials, options=options)
        self._stub = sdk.Stub(self._channel)
        # For a stream's only request with its end, in one write.
        self._whole = self._channel.unary_stream(
            _STREAM,
            request_serializer=sdk.protocol.ModelInferRequest.SerializeToString,
            response_deserializer=sdk.protocol.ModelStreamInferResponse.FromString,
        )
        self._calls = 0
        self.heard = 0.0
        """When something came through it last, on the monotonic clock."""
        self.is_left = False

    def begin(self, method: str, message: Any, headers: tuple[tuple[str, str], ...], deadline: Deadline) -> Any:
        """A call of the protocol's method of that name, with one answer."""
        return self._begun(getattr(self._stub, method), message, headers, deadline)

    def open_stream(self, message: Any, headers: tuple[tuple[str, str], ...], deadline: Deadline) -> Stream:
        """A call with several answers.

        It stays open on this side until it is finished: release 24.10 of the server ends by a fault, or never streams
        again, in about one of 400 cancellations of streams that are half closed, and in one of 2,000 of open ones.
        """
        finished = asyncio.Event()

        async def requests() -> AsyncGenerator[Any, None]:
            yield message
            await finished.wait()

        return Stream(self._begun(self._stub.ModelStreamInfer, requests(), headers, deadline), finished)

    def begin_whole(self, message: Any, headers: tuple[tuple[str, str], ...], deadline: Deadline) -> Stream:
        """The same with its only request and its end in one write, after which the server's own reason for a refusal
        is always told. With several writes gRPC masks it by an error of its own, four times in ten."""
        return Stream(self._begun(self._whole, message, headers, deadline), asyncio.Event())

    async def end(self, call: Any) -> None:
        """Once for each call that began, whatever came of it."""
        call.cancel()
        self._calls -= 1
        if self.is_left and not self._calls:
            await self.close()

    async def close(self) -> None:
        await self._channel.close()

    def _begun(self, method: Any, message: Any, headers: tuple[tuple[str, str], ...], deadline: Deadline) -> Any:
        call = method(message, timeout=max(0.0, deadline.left()), metadata=headers)
        self._calls += 1
        return call


class Stream:
    """A call with several answers."""

    __slots__ = ("_call", "_finished", "read")

    def __init__(self, call: Any, finished: asyncio.Event) -> None:
        self.read = call.read
        self._call = call
        self._finished = finished

    def finish(self) -> None:
        """Say that there is no other request."""
        self._finished.set()

    def cancel(self) -> None:
        self._call.cancel()
        self._finished.set()  # else what writes would wait for ever where the server has ended the call itself


class Watch:
    """Cancels a call in which nothing came for too long.

    `asyncio.timeout` around each read would cost a tenth of what a piece costs; this is one timer for a whole stream,
    which looks, when it fires, whether there is still something to wait for.
    """

    def __init__(self, call: Any, deadline: Deadline) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._until = math.inf
        self.deadline = deadline
        self.is_over = False
        """Whether it was this that cancelled the call."""

    def begin(self, until: float) -> None:
        """:param until: on the monotonic clock."""
        self._until = min(until, self.deadline.at)
        # One that fires too early looks again; one that would fire too late is of an earlier, longer limit.
        if self._timer is None or self._timer.when() > self._until:
            self.end()
            self._timer = self._loop.call_at(self._until, self._look)

    def rest(self) -> None:
        """Nothing is waited for."""
        self._until = math.inf

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._until == math.inf:
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._look)
        else:
            self.is_over = True
            self._call.cancel()
