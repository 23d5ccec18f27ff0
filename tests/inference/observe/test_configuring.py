"""Turning metrics and spans on: names, documents, addresses, and what is said when it cannot be."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from inference.errors import InferenceError
from inference.observe.exporter import serve
from inference.observe.metrics import CONTENT_TYPE, METRICS, Metrics
from inference.observe.record import Record
from inference.observe.spans import setup
from inference.ports import Finished, Usage
from inference.resilience import events

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "observability.md"


def test_the_table_of_the_docs_is_that_of_the_code() -> None:
    rows = re.findall(
        r"^\| `(assay_\w+)` \| (\w+) \| ([\w ]+) \| (.*) \| (.*) \|$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    assert rows == [
        (
            metric.name,
            metric.kind,
            metric.unit,
            ", ".join(f"`{label}`" for label in metric.labels) or "none",
            metric.help,
        )
        for metric in METRICS
    ]


def test_every_metric_is_on_the_page_by_its_name() -> None:
    text = Metrics().exposition().decode()
    families = {family.name for family in text_string_to_metric_families(text) if "_created" not in family.name}
    assert families == {metric.name.removesuffix("_total") for metric in METRICS}
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        if metric.unit == "seconds":
            assert metric.name.endswith("_seconds")


def test_the_registry_of_others_is_left_alone() -> None:
    first, second = Metrics(), Metrics()
    first.looked("chat", True)
    assert b'kind="chat"' not in second.exposition()
    assert not any(name.startswith("assay") for name in REGISTRY._names_to_collectors)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (events.Queued(priority="interactive", seconds=0.2), 'queue_seconds_sum{priority="interactive"} 0.2'),
        (
            events.Queued(priority="background", seconds=0.2, is_refused=True),
            'queue_refusals_total{priority="background"} 1.0',
        ),
        (events.BudgetRefused(seconds=1), "budget_refusals_total 1.0"),
        (
            events.AttemptStarted(backend="gpu-1", variant="stable"),
            'attempts_total{endpoint="gpu-1",variant="stable"} 1.0',
        ),
        (
            events.AttemptFailed(backend="gpu-1", variant="", error="TimedOut", seconds=1, is_begun=False),
            'attempt_failures_total{endpoint="gpu-1",error="TimedOut",variant=""} 1.0',
        ),
        (
            events.AttemptFailed(backend="gpu-1", variant="", error="what?", seconds=1, is_begun=False),
            'attempt_failures_total{endpoint="gpu-1",error="other",variant=""} 1.0',
        ),
        (events.Hedged(first="a", second="b", seconds=1), "hedges_total 1.0"),
        (events.Ejected(backend="gpu-1", error="TimedOut", seconds=1), 'ejections_total{endpoint="gpu-1"} 1.0'),
        (events.Returned(backend="gpu-1"), 'returns_total{endpoint="gpu-1"} 1.0'),
        (events.FellBack(wanted="canary"), 'fallbacks_total{variant="canary"} 1.0'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_router_says_is_counted(event: events.Event, line: str) -> None:
    metrics = Metrics()
    metrics.heard(event)
    assert f"assay_inference_{line}\n" in metrics.exposition().decode()


@pytest.mark.parametrize(
    "event",
    [
        events.FirstToken(backend="a", variant="", seconds=1),
        events.Answered(backend="a", variant="", seconds=1),
        events.Cancelled(backend="a", variant="", seconds=1, by="hedge"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_counted_elsewhere_is_not_counted_twice(event: events.Event) -> None:
    metrics = Metrics()
    before = metrics.exposition()
    metrics.heard(event)
    assert metrics.exposition() == before


def test_labels_have_a_bound() -> None:
    metrics = Metrics()
    for number in range(1_000):
        metrics.heard(events.Returned(backend=f"{number}" if number < 500 else "x" * number))
    text = metrics.exposition().decode()
    assert text.count("returns_total{") == 65
    assert 'returns_total{endpoint="other"} 936.0' in text
    assert len(text) < 20_000


def test_negative_counts_of_a_lying_server_break_nothing() -> None:
    metrics = Metrics()
    metrics.began("chat", "b", "m")
    usage = Usage(prompt=-5, completion=-1, cached=-1)
    record = Record(
        id="1",
        operation="chat",
        backend="b",
        model="m",
        outcome="ok",
        seconds=1,
        first_seconds=0.5,
        pieces=1,
        finished=Finished(reason="stop", usage=usage),
    )
    metrics.ended(record, began_as="b")
    assert b'input_tokens_total{backend="b",model="m",operation="chat"} 0.0' in metrics.exposition()


async def asked(port: int, request: bytes) -> tuple[str, dict[str, str], str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(20):
        answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    return status, dict(each.split(": ", 1) for each in headers), body


async def test_prometheus_can_read_them() -> None:
    metrics = Metrics()
    metrics.looked("chat", True)
    page = await serve(metrics.exposition, port=0, content_type=CONTENT_TYPE)
    status, headers, body = await asked(
        page.port, b"GET /metrics HTTP/1.1\r\nHost: localhost:9\r\nAccept: text/plain\r\n\r\n"
    )
    assert status == "HTTP/1.1 200 OK"
    assert headers["Content-Type"] == CONTENT_TYPE and int(headers["Content-Length"]) == len(body.encode())
    assert 'assay_inference_cache_lookups_total{kind="chat",result="hit"} 1.0' in body
    assert list(text_string_to_metric_families(body))
    await page.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics?name[]=x HTTP/1.1\r\n\r\n", "200"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", "200"),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", "200"),
        (b"GET /metrics HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", "200"),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost.evil.example:80\r\n\r\n", "403"),
        (b"GET / HTTP/1.1\r\n\r\n", "404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
        (b"\xff\xfe\r\n\r\n", "405"),
    ],
    ids=["a query", "head", "by address", "IPv6", "rebinding", "a longer name", "elsewhere", "post", "garbage"],
)
async def test_the_page_is_given_to_who_asks_for_it(request_: bytes, status: str) -> None:
    page = await serve(Metrics().exposition, port=0, content_type=CONTENT_TYPE)
    line, _, body = await asked(page.port, request_)
    assert line.split()[1] == status
    assert ("# HELP" in body) == (status == "200" and not request_.startswith(b"HEAD"))
    await page.close()


async def test_those_who_say_nothing_or_far_too_much_do_not_stop_the_others() -> None:
    page = await serve(Metrics().exposition, port=0, content_type=CONTENT_TYPE)
    silent = [await asyncio.open_connection("127.0.0.1", page.port) for _ in range(5)]
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    writer.write(b"x" * 1_000_000)
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionError):
            while await reader.read(1):
                pass
            raise ConnectionResetError
    line, _, _ = await asked(page.port, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert "200" in line
    for _, each in (*silent, (reader, writer)):
        each.close()
    await page.close()


async def test_a_port_that_is_taken_is_said() -> None:
    page = await serve(Metrics().exposition, port=0, content_type=CONTENT_TYPE)
    with pytest.raises(InferenceError, match="choose another port"):
        await serve(Metrics().exposition, port=page.port, content_type=CONTENT_TYPE)
    await page.close()


@pytest.mark.parametrize(
    "endpoint",
    ["", "localhost:4318", "ftp://h", "http://", "http://h:port", "http://[", "http://h\n/", "http://u:SECRET@h"],
)
def test_an_address_that_cannot_be_used_is_said_without_it(endpoint: str) -> None:
    with pytest.raises(InferenceError, match="address for traces") as caught:
        setup(endpoint, {})
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None and "SECRET" not in repr(caught.value.__context__)


@pytest.mark.parametrize(
    ("name", "value"),
    [("authorization", "SECRET\r\nx: y"), ("a b", "SECRET"), ("", "SECRET"), ("k", " SECRET"), ("k", "SECRETé")],
    ids=["line break", "name", "no name", "space", "not ASCII"],
)
def test_a_header_that_cannot_be_used_is_said_without_it(name: str, value: str) -> None:
    with pytest.raises(InferenceError, match="header for traces") as caught:
        setup("http://localhost:4318", {name: value})
    assert "SECRET" not in str(caught.value)


def run(code: str) -> str:
    done = subprocess.run(
        (sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_the_packages_one_sentence_says_so() -> None:
    said = run(
        "sys.modules['opentelemetry.sdk'] = None\n"
        "from inference.errors import InferenceError\n"
        "from inference.observe.spans import setup\n"
        "try: setup('http://localhost:4318', {})\n"
        "except InferenceError as error: print(error)"
    )
    assert "install Assay with its extra `team`" in said


def test_what_is_off_is_not_imported() -> None:
    said = run(
        "import inference.observe.generator, inference.cache.answers, inference.cache.sqlite\n"
        "print([name for name in ('prometheus_client', 'opentelemetry', 'redis') if name in sys.modules])"
    )
    assert said.strip() == "[]"
    said = run("import inference.observe.spans\nprint('opentelemetry.sdk' in sys.modules)")
    assert said.strip() == "False"
