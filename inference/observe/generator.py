"""A generator whose requests are counted, timed, traced and logged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from secrets import token_hex
from typing import TYPE_CHECKING

from inference.errors import InferenceError
from inference.observe.record import OTHER, Operation, Outcome, Record, error_name, line
from inference.ports import CompletionRequest, Finished, GenerateRequest, Generator, OnFinish

if TYPE_CHECKING:  # both are imported only where they are configured
    from inference.observe.metrics import Metrics
    from inference.observe.spans import Spans

_CACHE = "cache"  # as `inference.cache.answers` calls itself

log = logging.getLogger(__name__)


class ObservedGenerator:
    """A `Generator` around another one. `open_streams` counts answers that are being given now.

    With neither metrics nor spans, and a log that does not want its lines, requests go past it.

    :param alias: the model's name in metrics, spans and the log; as the generator calls it when empty.
    :param address: of the server, see `Spans.begin`.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        metrics: Metrics | None = None,
        spans: Spans | None = None,
        alias: str = "",
        address: str = "",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._generator = generator
        self._metrics = metrics
        self._spans = spans
        kind, _, name = generator.model.partition(":")
        self._backend = kind or OTHER
        self._alias = alias or name or kind
        self._address = address
        self._clock = clock
        self._open = 0

    @property
    def model(self) -> str:
        return self._generator.model

    @property
    def open_streams(self) -> int:
        return self._open

    def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        if self._is_off():
            return self._generator.stream(request, on_finish=on_finish)
        return self._observed("chat", request, lambda done: self._generator.stream(request, on_finish=done), on_finish)

    def complete(self, request: CompletionRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        if self._is_off():
            return self._generator.complete(request, on_finish=on_finish)
        return self._observed(
            "text_completion", request, lambda done: self._generator.complete(request, on_finish=done), on_finish
        )

    async def close(self) -> None:
        """The metrics and spans are not closed: other generators may use them."""
        await self._generator.close()

    def _is_off(self) -> bool:
        return self._metrics is None and self._spans is None and not log.isEnabledFor(logging.INFO)

    async def _observed(
        self,
        operation: Operation,
        request: GenerateRequest | CompletionRequest,
        ask: Callable[[OnFinish], AsyncGenerator[str, None]],
        on_finish: OnFinish | None,
    ) -> AsyncGenerator[str, None]:
        clock, finished = self._clock, None
        began, first, pieces = clock(), None, 0
        outcome: Outcome = "error"
        error_class = OTHER
        span = None
        if self._spans:
            span = self._spans.begin(operation, self._backend, self._alias, request, address=self._address)
        if self._metrics:
            self._metrics.began(operation, self._backend, self._alias)
        self._open += 1

        def done(end: Finished) -> None:
            nonlocal finished
            finished = end
            if on_finish:
                on_finish(end)

        try:
            async with aclosing(ask(done)) as stream:
                # The call is made here. A span that were current over a `yield` would be so for the reader too.
                with span.current() if span else contextlib.nullcontext():
                    piece = await anext(stream, None)
                if piece is not None:
                    pieces, first = 1, clock() - began
                    yield piece
                    async for piece in stream:
                        pieces += 1
                        yield piece
            outcome, error_class = "ok", ""
        except (GeneratorExit, asyncio.CancelledError):
            outcome, error_class = "cancelled", ""
            raise
        except InferenceError as error:
            error_class = error_name(type(error).__name__)
            raise
        finally:
            self._open -= 1
            record = Record(
                id=token_hex(4),
                operation=operation,
                backend=_CACHE if finished and finished.backend == _CACHE else self._backend,
                model=self._alias,
                outcome=outcome,
                error=error_class,
                seconds=clock() - began,
                first_seconds=first,
                pieces=pieces,
                finished=finished,
            )
            if self._metrics:
                self._metrics.ended(record, began_as=self._backend)
            if span:
                span.end(record)
            if log.isEnabledFor(logging.INFO):
                log.info("%s", line(record, trace=span.trace if span else ""))
