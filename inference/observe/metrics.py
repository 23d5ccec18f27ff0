"""Counts and times in Prometheus' format. Only this module imports `prometheus_client`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from inference.observe.record import OTHER, Operation, Record, error_name, word
from inference.resilience import events

CONTENT_TYPE = CONTENT_TYPE_LATEST

_MOST_VALUES = 64
"""Of one label; more become `other`, so that no name from elsewhere can fill the memory."""

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)
_WHOLE = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0)
_WAIT = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SPEED = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 150.0, 200.0, 400.0, 1_000.0)

_REQUEST = ("backend", "model", "operation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS = (
    Metric(
        name="assay_inference_requests_total",
        kind="counter",
        unit="requests",
        help="Requests that are over. outcome is ok, error or cancelled; backend is cache where no model was asked.",
        labels=(*_REQUEST, "outcome"),
    ),
    Metric(
        name="assay_inference_request_seconds",
        kind="histogram",
        unit="seconds",
        help="From the request to the end of a whole answer.",
        labels=_REQUEST,
        buckets=_WHOLE,
    ),
    Metric(
        name="assay_inference_time_to_first_token_seconds",
        kind="histogram",
        unit="seconds",
        help="From the request to the first piece of its answer.",
        labels=_REQUEST,
        buckets=_LATENCY,
    ),
    Metric(
        name="assay_inference_tokens_per_second",
        kind="histogram",
        unit="tokens per second",
        help="Of one answer, after its first token; only where the backend counts.",
        labels=_REQUEST,
        buckets=_SPEED,
    ),
    Metric(
        name="assay_inference_input_tokens_total",
        kind="counter",
        unit="tokens",
        help="Of prompts, as the backend counts them.",
        labels=_REQUEST,
    ),
    Metric(
        name="assay_inference_cached_input_tokens_total",
        kind="counter",
        unit="tokens",
        help="Of prompts, those that the backend reused from earlier ones.",
        labels=_REQUEST,
    ),
    Metric(
        name="assay_inference_output_tokens_total",
        kind="counter",
        unit="tokens",
        help="Of answers, as the backend counts them.",
        labels=_REQUEST,
    ),
    Metric(
        name="assay_inference_cancellations_total",
        kind="counter",
        unit="requests",
        help="Requests whose caller left. stage is waiting before the first piece, and answering after it.",
        labels=(*_REQUEST, "stage"),
    ),
    Metric(
        name="assay_inference_errors_total",
        kind="counter",
        unit="requests",
        help="Requests that failed. error is a class of inference.errors, or other.",
        labels=(*_REQUEST, "error"),
    ),
    Metric(
        name="assay_inference_open_streams",
        kind="gauge",
        unit="requests",
        help="Requests that are going on.",
        labels=_REQUEST,
    ),
    Metric(
        name="assay_inference_cache_lookups_total",
        kind="counter",
        unit="lookups",
        help="Looks into a cache. kind is what was looked for; result is hit or miss.",
        labels=("kind", "result"),
    ),
    Metric(
        name="assay_inference_queue_seconds",
        kind="histogram",
        unit="seconds",
        help="That requests waited for a place.",
        labels=("priority",),
        buckets=_WAIT,
    ),
    Metric(
        name="assay_inference_queue_refusals_total",
        kind="counter",
        unit="requests",
        help="Requests that got no place.",
        labels=("priority",),
    ),
    Metric(
        name="assay_inference_budget_refusals_total",
        kind="counter",
        unit="requests",
        help="Requests for which no budget was left.",
    ),
    Metric(
        name="assay_inference_attempts_total",
        kind="counter",
        unit="attempts",
        help="Times that an endpoint was asked; those beyond the requests are retries and hedges.",
        labels=("endpoint", "variant"),
    ),
    Metric(
        name="assay_inference_attempt_failures_total",
        kind="counter",
        unit="attempts",
        help="Attempts that failed, whether or not another one answered.",
        labels=("endpoint", "variant", "error"),
    ),
    Metric(
        name="assay_inference_hedges_total",
        kind="counter",
        unit="attempts",
        help="Second endpoints that were asked as the first was slow.",
    ),
    Metric(
        name="assay_inference_ejections_total",
        kind="counter",
        unit="ejections",
        help="Times that an endpoint was left out after failures.",
        labels=("endpoint",),
    ),
    Metric(
        name="assay_inference_returns_total",
        kind="counter",
        unit="returns",
        help="Times that an endpoint was taken back.",
        labels=("endpoint",),
    ),
    Metric(
        name="assay_inference_fallbacks_total",
        kind="counter",
        unit="requests",
        help="Requests of a trial that the stable variant answered, as the trial's had no working endpoint.",
        labels=("variant",),
    ),
)


class Metrics:
    """What is counted in this process since it began. Its registry is its own; any thread may use it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._made = {metric.name: _made(metric, self._registry) for metric in METRICS}
        self._known: dict[str, set[str]] = {}

    def exposition(self) -> bytes:
        """All of it, as text of `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def began(self, operation: Operation, backend: str, model: str) -> None:
        self._of("open_streams", self._request(operation, backend, model)).inc()

    def ended(self, record: Record, *, began_as: str) -> None:
        """:param began_as: the backend that `began` was told; the answer may have come from another."""
        self._of("open_streams", self._request(record.operation, began_as, record.model)).dec()
        labels = self._request(record.operation, record.backend, record.model)
        self._of("requests_total", {**labels, "outcome": record.outcome}).inc()
        if record.first_seconds is not None:
            self._of("time_to_first_token_seconds", labels).observe(record.first_seconds)
        if record.outcome == "ok":
            self._of("request_seconds", labels).observe(record.seconds)
        elif record.outcome == "cancelled":
            stage = "waiting" if record.first_seconds is None else "answering"
            self._of("cancellations_total", {**labels, "stage": stage}).inc()
        else:
            self._of("errors_total", {**labels, "error": record.error}).inc()
        if record.finished and (usage := record.finished.usage):
            self._of("input_tokens_total", labels).inc(max(0, usage.prompt))
            self._of("cached_input_tokens_total", labels).inc(max(0, usage.cached))
            self._of("output_tokens_total", labels).inc(max(0, usage.completion))
            if (speed := record.tokens_per_second) is not None:
                self._of("tokens_per_second", labels).observe(speed)

    def looked(self, kind: str, is_hit: bool) -> None:
        """In a cache, for that kind of thing."""
        self._of("cache_lookups_total", {"kind": kind, "result": "hit" if is_hit else "miss"}).inc()

    def heard(self, event: events.Event) -> None:
        """An `OnEvent` of the router, its queue and its budgets."""
        match event:
            case events.Queued(priority=priority, seconds=seconds, is_refused=is_refused):
                self._of("queue_seconds", {"priority": priority}).observe(seconds)
                if is_refused:
                    self._of("queue_refusals_total", {"priority": priority}).inc()
            case events.BudgetRefused():
                self._of("budget_refusals_total", {}).inc()
            case events.AttemptStarted(backend=endpoint, variant=variant):
                self._of("attempts_total", {"endpoint": endpoint, "variant": variant}).inc()
            case events.AttemptFailed(backend=endpoint, variant=variant, error=error):
                labels = {"endpoint": endpoint, "variant": variant, "error": error_name(error)}
                self._of("attempt_failures_total", labels).inc()
            case events.Hedged():
                self._of("hedges_total", {}).inc()
            case events.Ejected(backend=endpoint):
                self._of("ejections_total", {"endpoint": endpoint}).inc()
            case events.Returned(backend=endpoint):
                self._of("returns_total", {"endpoint": endpoint}).inc()
            case events.FellBack(wanted=variant):
                self._of("fallbacks_total", {"variant": variant}).inc()
            case events.FirstToken() | events.Answered() | events.Cancelled():
                pass  # counted for the request as a whole

    def _request(self, operation: Operation, backend: str, model: str) -> dict[str, str]:
        return {"backend": backend, "model": model, "operation": operation}

    def _of(self, name: str, labels: Mapping[str, str]) -> Any:
        metric = self._made[f"assay_inference_{name}"]
        if not labels:
            return metric
        return metric.labels(**{label: self._bounded(label, value) for label, value in labels.items()})

    def _bounded(self, label: str, value: str) -> str:
        known = self._known.setdefault(label, set())
        if value in known:
            return value
        value = word(value)
        if value not in known and len(known) >= _MOST_VALUES:
            return OTHER
        known.add(value)
        return value


def _made(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=registry)
        case "gauge":
            return Gauge(metric.name, metric.help, metric.labels, registry=registry)
        case "histogram":
            return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)
