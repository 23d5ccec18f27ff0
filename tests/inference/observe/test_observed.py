"""What metrics, spans and the log say of a request, and what they never say."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.cache.answers import CachedGenerator
from inference.cache.keys import Tenant
from inference.cache.memory import MemoryCache
from inference.errors import BadRequest, InferenceError, Overloaded
from inference.observe import spans as spans_module
from inference.observe.generator import ObservedGenerator
from inference.observe.metrics import Metrics
from inference.observe.spans import setup
from inference.ports import CompletionRequest, Finished, GenerateRequest, Message, OnFinish, Usage
from tests.inference.observe.collector import Collector, attributes, running

CHAT = GenerateRequest(messages=(Message(role="user", content="SECRETPROMPT"),), max_tokens=77, user="SECRETUSER")
RAW = CompletionRequest(prompt="SECRETPROMPT", stop=("SECRETSTOP",), temperature=0.5, priority="background")
PIECES = ("SECRETANSWER", "two", "three")
SECRETS = re.compile(r"SECRET\w+")
KEYS = {"backend": "fake", "model": "code"}


class Fake:
    """A model that has a clock, and says what it was told of the trace."""

    model = "fake:some-long-name"

    def __init__(self, *, error: BaseException | None = None, after: int = 0, backend: str = "code@2 on gpu-1") -> None:
        self.now = 100.0
        self.seen: list[dict[str, str]] = []
        self._error = error
        self._after = after
        self._backend = backend

    async def stream(self, request: object, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        self.seen.append(spans_module.headers())
        for number, piece in enumerate(PIECES):
            if self._error and number == self._after:
                raise self._error
            await asyncio.sleep(0)
            self.now += 0.25
            yield piece
        if on_finish:
            usage = Usage(prompt=1_000, completion=11, cached=600)
            on_finish(Finished(reason="length", usage=usage, backend=self._backend))

    complete = stream

    async def close(self) -> None:
        """Nothing is open."""

    def observed(self, **options: Any) -> ObservedGenerator:
        return ObservedGenerator(self, alias="code", clock=lambda: self.now, **options)


async def read(generator: Any, request: Any = CHAT, *, most: int = 99) -> list[str]:
    pieces: list[str] = []
    ask = generator.stream if isinstance(request, GenerateRequest) else generator.complete
    async with aclosing(ask(request)) as stream:
        async for piece in stream:
            pieces.append(piece)
            if len(pieces) == most:
                break
    return pieces


class Page:
    """What Prometheus would read."""

    def __init__(self, metrics: Metrics) -> None:
        self.text = metrics.exposition().decode()
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self._samples[f"assay_inference_{name}", frozenset(labels.items())]

    def names(self) -> set[str]:
        return {name for (name, _), value in self._samples.items() if value and not name.endswith("_created")}


async def test_a_whole_answer_is_counted() -> None:
    metrics = Metrics()
    generator = Fake().observed(metrics=metrics)
    assert await read(generator) == list(PIECES)
    page, labels = Page(metrics), {**KEYS, "operation": "chat"}
    assert page.value("requests_total", **labels, outcome="ok") == 1
    assert page.value("request_seconds_sum", **labels) == pytest.approx(0.75)
    assert page.value("time_to_first_token_seconds_sum", **labels) == pytest.approx(0.25)
    assert page.value("time_to_first_token_seconds_bucket", **labels, le="0.2") == 0
    assert page.value("time_to_first_token_seconds_bucket", **labels, le="0.3") == 1
    assert page.value("tokens_per_second_sum", **labels) == pytest.approx(10 / 0.5)
    assert page.value("input_tokens_total", **labels) == 1_000
    assert page.value("cached_input_tokens_total", **labels) == 600
    assert page.value("output_tokens_total", **labels) == 11
    assert page.value("open_streams", **labels) == 0
    assert not any("cancel" in name or "error" in name for name in page.names())


@pytest.mark.parametrize(
    ("error", "after", "counted"),
    [
        (Overloaded("busy with SECRETPROMPT"), 0, "Overloaded"),
        (BadRequest("no"), 2, "BadRequest"),
        (type("Homemade", (InferenceError,), {})("x"), 0, "other"),
        (RuntimeError("SECRETPROMPT"), 0, "other"),
    ],
    ids=["before the first piece", "after it", "an unknown kind", "a bug"],
)
async def test_an_error_is_counted_by_its_kind_and_passed_on(error: Exception, after: int, counted: str) -> None:
    metrics = Metrics()
    generator = Fake(error=error, after=after).observed(metrics=metrics)
    with pytest.raises(type(error)):
        await read(generator, RAW)
    page, labels = Page(metrics), {**KEYS, "operation": "text_completion"}
    assert page.value("errors_total", **labels, error=counted) == 1
    assert page.value("requests_total", **labels, outcome="error") == 1
    assert page.value("open_streams", **labels) == 0
    assert ("assay_inference_time_to_first_token_seconds_count" in page.names()) == (after > 0)
    assert generator.open_streams == 0


async def test_a_reader_that_leaves_is_counted() -> None:
    metrics, model = Metrics(), Fake()
    generator = model.observed(metrics=metrics)
    labels = {**KEYS, "operation": "chat"}
    async with aclosing(generator.stream(CHAT)) as stream:
        await anext(stream)
        assert Page(metrics).value("open_streams", **labels) == 1
    waiting = asyncio.create_task(read(generator))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    page = Page(metrics)
    assert page.value("cancellations_total", **labels, stage="answering") == 1
    assert page.value("cancellations_total", **labels, stage="waiting") == 1
    assert page.value("requests_total", **labels, outcome="cancelled") == 2
    assert page.value("open_streams", **labels) == 0
    assert "assay_inference_errors_total" not in page.names()


async def test_what_the_cache_answers_is_told_apart() -> None:
    metrics, tenant = Metrics(), Tenant(name="t", secret=bytes(32))
    cached = CachedGenerator(Fake(), MemoryCache(), tenant=tenant, on_look=metrics.looked)
    generator = ObservedGenerator(cached, metrics=metrics, alias="code")
    for _ in range(3):
        await read(generator)
        await asyncio.sleep(0)
    page = Page(metrics)
    assert page.value("requests_total", **KEYS, operation="chat", outcome="ok") == 1
    assert page.value("requests_total", backend="cache", model="code", operation="chat", outcome="ok") == 2
    assert page.value("output_tokens_total", **KEYS, operation="chat") == 11
    assert page.value("cache_lookups_total", kind="chat", result="hit") == 2
    assert page.value("cache_lookups_total", kind="chat", result="miss") == 1
    assert page.value("open_streams", **KEYS, operation="chat") == 0


async def test_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await read(Fake().observed())
    with pytest.raises(Overloaded):
        await read(Fake(error=Overloaded("SECRETPROMPT")).observed(), RAW)
    await read(Fake().observed(), most=1)
    first, second, third = (re.sub(r"request=[0-9a-f]{8}", "request=ID", line) for line in caplog.messages)
    assert first == (
        "request=ID operation=chat backend=fake model=code outcome=ok reason=length by=code@2_on_gpu-1"
        " tokens_in=1000 tokens_cached=600 tokens_out=11 pieces=3 first_ms=250.0 ms=750.0"
    )
    assert second == (
        "request=ID operation=text_completion backend=fake model=code outcome=error error=Overloaded pieces=0 ms=0.0"
    )
    assert third.endswith("outcome=cancelled pieces=1 first_ms=250.0 ms=250.0")


async def test_a_hostile_name_makes_no_second_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await read(Fake(backend="x\nrequest=0 outcome=ok " + "y" * 1_000).observed())
    assert "\n" not in caplog.messages[0] and len(caplog.messages[0]) < 500
    assert "by=x_request_0_outcome_ok_yyy" in caplog.messages[0]


async def test_nothing_is_done_when_all_of_it_is_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    model = Fake()
    stream = model.observed().stream(CHAT)
    assert stream.__qualname__ == "Fake.stream"  # type: ignore[attr-defined]
    await stream.aclose()
    assert await read(model.observed()) == list(PIECES)
    assert not caplog.records


@pytest.fixture
def collector() -> Any:
    with running() as collector:
        yield collector


async def test_a_span_for_each_request(collector: Collector) -> None:
    spans = setup(collector.url, {"authorization": "Bearer SECRETKEY"})
    model = Fake()
    generator = model.observed(spans=spans, address="model.example:8001")
    await read(generator)
    with pytest.raises(Overloaded):
        await read(Fake(error=Overloaded("SECRETPROMPT")).observed(spans=spans), RAW)
    await read(generator, most=1)
    await spans.close()
    whole, failed, closed = sorted(collector.wait(3), key=lambda span: span.start_time_unix_nano)
    found = attributes(whole)
    assert re.fullmatch(r"[0-9a-f]{8}", found.pop("assay.request"))
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.request.model": "code",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 77,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.response.time_to_first_chunk": pytest.approx(0.25),
        "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 11,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "server.address": "model.example",
        "server.port": 8001,
        "assay.priority": "interactive",
        "assay.answered_by": "code@2_on_gpu-1",
        "assay.outcome": "ok",
    }
    assert (whole.name, whole.kind, whole.status.code) == ("chat code", whole.SPAN_KIND_CLIENT, 0)
    assert (failed.name, failed.status.code, failed.status.message) == ("text_completion code", 2, "Overloaded")
    assert attributes(failed)["error.type"] == "Overloaded" and not failed.events
    assert attributes(closed)["assay.outcome"] == "cancelled" and closed.status.code == 0
    assert collector.resource()["service.name"] == "assay"
    assert collector.schema().startswith("https://opentelemetry.io/schemas/1.")
    path, headers = collector.requests[0]
    assert path == "/v1/traces" and headers["authorization"] == "Bearer SECRETKEY"


async def test_the_call_to_the_model_carries_the_trace(collector: Collector) -> None:
    spans = setup(f"{collector.url}/own/path", {})
    model = Fake()
    generator = model.observed(spans=spans)
    async with aclosing(generator.stream(CHAT)) as stream:
        await anext(stream)
        assert spans_module.headers() == {}  # the reader is not part of it
    assert spans_module.headers() == {}
    await asyncio.gather(*(read(generator) for _ in range(5)))
    await spans.close()
    assert collector.requests[0][0] == "/own/path"
    sent = {f"00-{span.trace_id.hex()}-{span.span_id.hex()}" for span in collector.wait(6)}
    assert len(sent) == 6
    assert {headers["traceparent"].rpartition("-")[0] for headers in model.seen} == sent
    assert all(int(headers["traceparent"][-2:], 16) & 1 for headers in model.seen)  # the flag that it is recorded


async def test_a_request_within_a_trace_joins_it(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    spans = setup(collector.url, {})
    outer = spans.begin("chat", "assay", "outer", CHAT)
    with outer.current():
        await read(Fake().observed(spans=spans))
    await spans.close()
    (span,) = collector.wait(1)
    assert span.trace_id.hex() == outer.trace
    assert f"trace={outer.trace} " in caplog.text


async def test_texts_and_secrets_are_nowhere(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    metrics, spans = Metrics(), setup(collector.url, {"authorization": "Bearer SECRETKEY"})
    for request in (CHAT, RAW):
        await read(Fake().observed(metrics=metrics, spans=spans), request)
        await read(Fake().observed(metrics=metrics, spans=spans), request, most=1)
        for after in (0, 2):
            with pytest.raises(Overloaded):
                broken = Fake(error=Overloaded("it said SECRETANSWER to SECRETPROMPT"), after=after)
                await read(broken.observed(metrics=metrics, spans=spans), request)
    await spans.close()
    assert len(collector.wait(8)) == 8
    assert SECRETS.findall(metrics.exposition().decode()) == []
    assert SECRETS.findall(caplog.text) == []
    assert SECRETS.findall(b"".join(collector.bodies).decode("latin-1")) == []
    assert SECRETS.findall(repr(spans) + repr(metrics)) == []


@pytest.mark.parametrize("status", [401, 302, 500])
async def test_a_collector_that_refuses_stops_nothing(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with running(status) as collector:
        spans = setup(collector.url, {"authorization": "Bearer SECRETKEY"})
        assert await read(Fake().observed(spans=spans)) == list(PIECES)
        async with asyncio.timeout(20):
            await spans.close()
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    assert SECRETS.findall(caplog.text) == []


async def test_a_collector_that_is_away_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with running() as collector:
        url = collector.url
    spans = setup(url, {"authorization": "Bearer SECRETKEY"})
    assert await read(Fake().observed(spans=spans)) == list(PIECES)
    async with asyncio.timeout(20):
        await spans.close()
    assert SECRETS.findall(caplog.text) == []
