"""Spans of requests to models, by OpenTelemetry's conventions for generative AI. Only this module imports
`opentelemetry`, which takes 50 ms, and its exporter, which takes 80 ms more.

The conventions are those of "Semantic conventions for generative client AI spans" in the repository
`open-telemetry/semantic-conventions-genai`, which refers to version 1.41.1 of the general ones; their status is
Development. Since version 1.37 it is `gen_ai.provider.name`, no longer `gen_ai.system`. The opt-in attributes, which
hold texts, are never set, and neither are the messages of errors, which may repeat some.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from inference.errors import InferenceError
from inference.observe.record import Operation, Record, word
from inference.ports import CompletionRequest, GenerateRequest

_SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
_EXPORT_SECONDS = 3.0
"""For one batch; what cannot be sent by then is dropped."""

_MOST_SPANS = 2_048
"""That wait to be sent; more are dropped."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")

_propagator = TraceContextTextMapPropagator()


class RequestSpan:
    """One request that is going on."""

    def __init__(self, span: trace.Span) -> None:
        """Use `Spans.begin`."""
        self._span = span

    @property
    def trace(self) -> str:
        """32 hexadecimal digits, by which the log can be joined with the traces."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def current(self) -> AbstractContextManager[Any]:
        """Calls that begin within this are part of the request. It must not be held over a `yield`."""
        return trace.use_span(self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False)

    def end(self, record: Record) -> None:
        span, finished = self._span, record.finished
        if record.first_seconds is not None:
            span.set_attribute("gen_ai.response.time_to_first_chunk", record.first_seconds)
        if finished:
            span.set_attribute("gen_ai.response.finish_reasons", (finished.reason,))
            if finished.backend:
                span.set_attribute("assay.answered_by", word(finished.backend))
            if usage := finished.usage:
                span.set_attribute("gen_ai.usage.input_tokens", usage.prompt)
                span.set_attribute("gen_ai.usage.output_tokens", usage.completion)
                span.set_attribute("gen_ai.usage.cache_read.input_tokens", usage.cached)
        span.set_attribute("assay.request", record.id)
        span.set_attribute("assay.outcome", record.outcome)
        if record.error:
            span.set_attribute("error.type", record.error)
            span.set_status(trace.StatusCode.ERROR, record.error)
        span.end()


class Spans:
    """Makes spans and sends them away. `setup` makes one that does."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("assay.inference", schema_url=_SCHEMA)

    def begin(
        self,
        operation: Operation,
        provider: str,
        model: str,
        request: GenerateRequest | CompletionRequest,
        *,
        address: str = "",
    ) -> RequestSpan:
        """:param provider: kind of backend, such as `openai` or `triton`.
        :param address: of the server as `HOST` or `HOST:PORT`; empty when it is not one only.
        """
        attributes: dict[str, str | int | float | bool] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.request.stream": True,
            "gen_ai.request.max_tokens": request.max_tokens,
            "gen_ai.request.temperature": float(request.temperature),
            "assay.priority": request.priority,
        }
        if address:
            host, port = _server(address)
            attributes["server.address"] = host
            if port:
                attributes["server.port"] = port
        span = self._tracer.start_span(f"{operation} {model}", kind=trace.SpanKind.CLIENT, attributes=attributes)
        return RequestSpan(span)

    async def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown:
            await asyncio.to_thread(shutdown)


def headers() -> dict[str, str]:
    """`traceparent` (W3C Trace Context) for a call that is made now; nothing when no request has a span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier


def setup(endpoint: str, headers: Mapping[str, str], *, service: str = "assay") -> Spans:
    """Spans that go to a collector over OTLP/HTTP, in batches, by a thread of their own.

    :param endpoint: such as `http://localhost:4318`; `/v1/traces` is added when there is no path.
    :param headers: sent with them; they are in no log and no error.
    :raises InferenceError: when the packages are missing, or the endpoint or a header cannot be used.
    """
    url = _checked(endpoint)
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            # Without the value, which is likely a secret.
            raise InferenceError("A header for traces is not of the form NAME=VALUE in printable ASCII; correct it.")
    try:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InferenceError(
            "Traces need packages that are not installed: install Assay with its extra `team`, or empty the setting."
        ) from error
    exporter = OTLPSpanExporter(url, headers=dict(headers), timeout=_EXPORT_SECONDS, compression=Compression.Gzip)
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_MOST_SPANS))
    return Spans(provider)


@lru_cache(maxsize=64)
def _server(address: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{address}")
        return parts.hostname or address, parts.port
    except ValueError:
        return address, None


def _checked(endpoint: str) -> str:
    """:raises InferenceError: for what is no address; without it, as it may hold a password."""
    try:
        parts = urlsplit(endpoint)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        parts, is_usable = None, False
    if not parts or not is_usable or not endpoint.isprintable():
        raise InferenceError("The address for traces cannot be used; it is like http://localhost:4318.") from None
    if parts.username or parts.password or parts.query:
        raise InferenceError("The address for traces holds credentials; give them as a header instead.")
    return endpoint if parts.path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
