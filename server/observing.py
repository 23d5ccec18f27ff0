"""What models do, for Prometheus and OpenTelemetry, as far as the settings want it. Nothing is loaded otherwise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from inference.errors import InferenceError
from server.model_settings import ObserveSettings
from server.secrets import NoSecret, resolve_secret

if TYPE_CHECKING:
    from inference.observe.exporter import Exporter
    from inference.observe.metrics import Metrics
    from inference.observe.spans import Spans
    from inference.ports import CallHeaders, Generator
    from inference.resilience.events import OnEvent

_logger = logging.getLogger("assay.observe")


class Observing:
    """Made once for the settings in force. What cannot be had is said in the log, and the work goes on without it."""

    def __init__(self, settings: ObserveSettings, env: Mapping[str, str]) -> None:
        self._settings = settings
        self._metrics: Metrics | None = None
        self._spans: Spans | None = None
        self._exporter: Exporter | None = None
        if settings.metrics:
            from inference.observe.metrics import Metrics

            self._metrics = Metrics()
        if settings.otlp_url:
            from inference.observe.spans import setup

            try:
                self._spans = setup(settings.otlp_url, _headers(settings, env))
            except (InferenceError, NoSecret) as error:
                _logger.warning("no spans are sent: %s", error)

    async def start(self) -> None:
        """Let Prometheus read, where the settings say."""
        if self._metrics is None or self._exporter is not None:
            return
        from inference.observe.exporter import serve
        from inference.observe.metrics import CONTENT_TYPE

        host, _, port = self._settings.metrics.rpartition(":")
        try:
            self._exporter = await serve(
                self._metrics.exposition,
                port=int(port),
                content_type=CONTENT_TYPE,
                host=host.strip("[]") or "127.0.0.1",
            )
        except (InferenceError, ValueError, OverflowError) as error:
            _logger.warning("no metrics at observe.metrics = %s: %s", self._settings.metrics, error)

    def around(self, generator: Generator, *, alias: str, address: str) -> Generator:
        from inference.observe.generator import ObservedGenerator

        return ObservedGenerator(generator, metrics=self._metrics, spans=self._spans, alias=alias, address=address)

    @property
    def call_headers(self) -> CallHeaders:
        """`traceparent`, where there are spans."""
        if self._spans is None:
            return dict
        from inference.observe.spans import headers

        return headers

    @property
    def on_event(self) -> OnEvent:
        from inference.resilience.events import unheard

        return unheard if self._metrics is None else self._metrics.heard

    @property
    def on_look(self) -> Callable[[str, bool], None] | None:
        return None if self._metrics is None else self._metrics.looked

    async def close(self) -> None:
        if self._exporter is not None:
            await self._exporter.close()
        if self._spans is not None:
            await asyncio.shield(self._spans.close())


def _headers(settings: ObserveSettings, env: Mapping[str, str]) -> dict[str, str]:
    """:raises NoSecret:"""
    headers: dict[str, str] = {}
    for header in settings.otlp_headers:
        name, _, value = header.partition("=")
        headers[name.strip()] = resolve_secret(value.strip(), env)
    return headers
