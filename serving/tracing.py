"""Traces: what a request, or a frame of a stream, spent its time on, sent to a collector.

A span for each step of the road: `admit` (from arrival to a place in the queue), `queue`, `decode`,
`inference`, `reply`; they go out by OpenTelemetry's protocol (OTLP over HTTP). This file is
imported only where a collector is configured, and needs the `tracing` extra.

A span holds what the service made itself: names of resources, codes, counts, the model's digest.
Never a pixel, an address, a query, a name, nor a time that a client gave.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from os import environ
from random import random
from time import perf_counter, time_ns
from typing import Final, TypeVar

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from endolink import __version__
from endolink.model.classifier import Classifier, Prepared
from endolink.model.errors import DeadlineExceeded, EndoLinkError, FrameError
from endolink.model.verdict import Verdict
from endolink.serving.batching import Road
from endolink.serving.http.problems import PROBLEM
from endolink.serving.turn import Turn

Answer = TypeVar("Answer")
Value = str | int | float | bool

# Probes and scrapes come by the second, and say nothing of a frame.
_QUIET: Final = frozenset(
    {"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"}
)
# A collector stands beside the service: one that takes no spans for so long, in seconds, gets none
# of these, and does not hold up the service's end.
_PATIENCE_S: Final = 2
_TRACEPARENT: Final = b"traceparent"


class Trace:
    """The spans of one request, of one connection, or of one frame of a stream.

    Instants are those of `time.perf_counter`. Used from the event loop, and from the one worker at
    a time that does its work.
    """

    def __init__(self, traces: "Traces", span: Span, arrived: float) -> None:
        self._traces = traces
        self.span = span
        self._arrived = arrived
        self._admitted: float | None = None
        self._answered: float | None = None

    def follow(self, work: Callable[[Turn], Road[Answer]]) -> Callable[[Turn], Road[Answer]]:
        """Give `work` so that its steps are spans; they are told on the worker that takes them."""
        if not self.span.is_recording():
            return work

        def followed(turn: Turn) -> Road[Answer]:
            began = perf_counter()
            if self._admitted is None:
                self._admitted = turn.admitted
            self._step("queue", turn.admitted, began)
            hear = turn.judged

            def judged(classifier: Classifier, prepared: Prepared, verdict: Verdict) -> None:
                self._judged(began, classifier, prepared, verdict)
                hear(classifier, prepared, verdict)

            turn.judged = judged
            try:
                return (yield from work(turn))
            except Exception as error:
                # A deadline that passes does so between the two.
                name = "decode" if isinstance(error, FrameError | DeadlineExceeded) else "work"
                self._step(name, began, perf_counter(), {"error.type": _kind(error)})
                raise
            finally:
                self._answered = perf_counter()

        return followed

    def end(self, attributes: Mapping[str, Value], *, failed: bool = False) -> None:
        """Close the trace, with what became of it."""
        now = perf_counter()
        if self._admitted is not None or "error.type" in attributes:
            self._step("admit", self._arrived, self._admitted or now)
        if self._answered is not None:
            self._step("reply", self._answered, now)
        self.span.set_attributes(attributes)
        if failed:
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.end(_instant(now))

    def _judged(
        self, began: float, classifier: Classifier, prepared: Prepared, verdict: Verdict
    ) -> None:
        now, model, timing = perf_counter(), classifier.identity, verdict.timing_ms
        decoded = began + timing.decode / 1000
        picture: dict[str, Value] = {
            "endolink.frame.width": prepared.frame.width,
            "endolink.frame.height": prepared.frame.height,
        }
        if prepared.sequence is not None:
            picture["endolink.frame.sequence"] = prepared.sequence
        self._step("decode", began, decoded, picture)
        self._step(
            "inference",
            max(decoded, now - timing.inference / 1000),
            now,
            {
                "endolink.model.name": model.name,
                "endolink.model.version": model.version,
                "endolink.model.digest": model.digest,
                "endolink.model.provider": model.provider,
            },
        )

    def _step(
        self, name: str, start: float, end: float, attributes: Mapping[str, Value] | None = None
    ) -> None:
        self._traces.step(self.span, name, start, end, attributes or {})


# The request, or the connection, that the running task belongs to.
_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


class Traces:
    """Sends spans to the collector at `url`; `frames` is the share of streams' frames traced.

    Whether a request is traced its `traceparent` says (W3C Trace Context), and where it has none
    OTEL_TRACES_SAMPLER does: all are, unless set. Spans wait for the collector in a bounded queue,
    and are dropped where it is full: no frame waits for it.
    """

    def __init__(self, url: str, *, frames: float) -> None:
        described = {"service.version": __version__}
        if "OTEL_SERVICE_NAME" not in environ:
            described["service.name"] = "endolink"
        self._provider = TracerProvider(resource=Resource.create(described), shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(url, timeout=_PATIENCE_S))
        )
        self._tracer = self._provider.get_tracer("endolink", __version__)
        self._frames = frames

    def follow(self, work: Callable[[Turn], Road[Answer]]) -> Callable[[Turn], Road[Answer]]:
        """Follow `work` for the request that asks for it, as `Trace.follow` does."""
        trace = _current.get()
        return work if trace is None else trace.follow(work)

    def frame(self, arrived: float) -> Trace | None:
        """Begin the trace of a frame of a stream; None where it is not one of those traced.

        It is a trace of its own, linked to the connection that began the session: a session's
        thousands of frames in one trace could not be read.
        """
        connection = _current.get()
        recording = connection is None or connection.span.is_recording()
        if not recording or random() >= self._frames:  # noqa: S311 - it keeps nothing secret
            return None
        links = [Link(connection.span.get_span_context())] if connection else []
        span = self._tracer.start_span(
            "stream frame", kind=SpanKind.SERVER, links=links, start_time=_instant(arrived)
        )
        return Trace(self, span, arrived)

    def step(
        self, of: Span, name: str, start: float, end: float, attributes: Mapping[str, Value]
    ) -> None:
        """Tell of a step of `of` that has ended."""
        span = self._tracer.start_span(
            name, set_span_in_context(of), attributes=attributes, start_time=_instant(start)
        )
        span.end(_instant(max(start, end)))

    def begin(self, scope: Scope) -> Trace:
        """Begin the trace of a request or a connection, in the trace that it names, if any."""
        # Its tracestate is the sender's own text, and not passed on.
        carrier = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name == _TRACEPARENT
        }
        arrived = perf_counter()
        span = self._tracer.start_span(
            scope.get("method", "WS"),
            TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            start_time=_instant(arrived),
        )
        return Trace(self, span, arrived)

    def close(self) -> None:
        """Send what waits, as far as the collector takes it, and stop."""
        self._provider.shutdown()


class TraceRequests:
    """Begins a trace with each request and each connection of a stream, and ends it with it."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        trace = self._traces.begin(scope)
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        token = _current.set(trace)
        try:
            await self._app(scope, receive, watch)
        finally:
            _current.reset(token)
            self._end(scope, trace, status)

    def _end(self, scope: Scope, trace: Trace, status: int) -> None:
        attributes: dict[str, Value] = {}
        # Only a path that is served is one of ours.
        if (endpoint := scope.get("endpoint")) is not None:
            name = getattr(endpoint, "__name__", "")
            trace.span.update_name(f"{scope.get('method', 'WS')} {name}")
            attributes["endolink.resource"] = name
        if status:
            attributes |= {
                "http.request.method": scope["method"],
                "http.response.status_code": status,
            }
        if (problem := scope.get(PROBLEM)) is not None:
            attributes["error.type"] = problem
        trace.end(attributes, failed=status >= 500)


def _kind(error: Exception) -> str:
    return error.code if isinstance(error, EndoLinkError) else type(error).__name__


def _instant(at: float) -> int:
    """Turn an instant of `perf_counter` into nanoseconds since 1970."""
    return time_ns() - round((perf_counter() - at) * 1e9)
