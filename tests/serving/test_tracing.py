import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from websockets.asyncio.client import connect

from endolink.model.egress import EgressRule
from endolink.model.errors import EgressRefused, ExtraMissing
from endolink.serving.app import create_app
from endolink.serving.batching import Road
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from endolink.serving.wire import Hello, Judged, StreamFrame, dump
from tests.serving.service import Running, picture, serve
from tests.serving.talk import clock_us, greeted, talk

pytest.importorskip("opentelemetry.sdk", reason="traces need the tracing extra")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SMALL = picture(size=(320, 256))


def allow(collector: str) -> EgressRule:
    return EgressRule(frozenset({"aggregates"}), collector)


@dataclass
class Collector:
    """What a real receiver of OTLP over HTTP was sent."""

    port: int = 0
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resource(self) -> dict[str, str]:
        (first, *_) = self.requests
        attributes = first.resource_spans[0].resource.attributes
        return {item.key: item.value.string_value for item in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    it = Collector()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            it.raw.append(body)
            it.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    it.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def traced(settings: Settings, models: Models, share: float = 1.0) -> Iterator[Any]:
    """Serve with a collector; what it heard is whole once the service has stopped."""
    with collector() as heard:
        configured = settings.model_copy(
            update={"traces": heard.url, "trace_frames": share, "egress": (allow(heard.url),)}
        )
        with serve(configured, models) as running:
            yield running, heard


def attributes(span: Any) -> dict[str, Any]:
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes
    }


def children(heard: Collector, of: Any) -> dict[str, Any]:
    return {span.name: span for span in heard.spans if span.parent_span_id == of.span_id}


def root(heard: Collector, name: str) -> Any:
    (span,) = [span for span in heard.spans if span.name == name]
    return span


def test_a_frames_steps_are_spans_within_the_callers_trace(
    settings: Settings, models: Models, jpeg: bytes
) -> None:
    before = time.time_ns()
    with traced(settings, models) as (running, heard):
        answer = httpx.post(
            f"{running.url}/v1/frames?sequence=4",
            content=jpeg,
            headers={
                "traceparent": f"00-{TRACE}-{PARENT}-01",
                "tracestate": "patient=Erika",
                "X-Client-Id": "ward-7",
            },
        )
        assert answer.status_code == 200
    verdict = answer.json()
    request = root(heard, "POST judge_frame")
    assert request.trace_id.hex() == TRACE
    assert request.parent_span_id.hex() == PARENT
    assert attributes(request) == {
        "endolink.resource": "judge_frame",
        "http.request.method": "POST",
        "http.response.status_code": 200,
    }
    steps = children(heard, request)
    assert set(steps) == {"admit", "queue", "decode", "inference", "reply"}
    order = [steps[name] for name in ("admit", "queue", "decode", "inference", "reply")]
    assert before < request.start_time_unix_nano <= order[0].start_time_unix_nano + 100_000
    for step in order:
        assert step.trace_id == request.trace_id
        assert step.start_time_unix_nano <= step.end_time_unix_nano
    for earlier, later in pairwise(order):
        # Each instant is turned into the calendar's own by itself.
        assert earlier.start_time_unix_nano < later.start_time_unix_nano + 100_000
    took = (steps["decode"].end_time_unix_nano - steps["decode"].start_time_unix_nano) / 1e6
    assert took == pytest.approx(verdict["timing_ms"]["decode"], abs=0.5)
    assert attributes(steps["inference"])["endolink.model.digest"] == verdict["model"]["digest"]
    assert attributes(steps["decode"]) == {
        "endolink.frame.width": 640,
        "endolink.frame.height": 512,
        "endolink.frame.sequence": 4,
    }
    assert heard.resource()["service.name"] == "endolink"
    for secret in (b"Erika", b"ward-7", b"127.0.0.1", jpeg[200:220], b"sequence=4"):
        assert not any(secret in body for body in heard.raw)


def test_an_unsampled_caller_is_not_traced_and_one_without_a_trace_is(
    settings: Settings, models: Models, jpeg: bytes
) -> None:
    with traced(settings, models) as (running, heard):
        no = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
        assert httpx.post(f"{running.url}/v1/frames", content=jpeg, headers=no).is_success
        broken = {"traceparent": "not a trace"}
        assert httpx.post(f"{running.url}/v1/frames", content=jpeg, headers=broken).is_success
        for path in ("/healthz", "/readyz", "/metrics"):
            httpx.get(running.url + path)
    request = root(heard, "POST judge_frame")
    assert request.trace_id.hex() != TRACE
    assert not request.parent_span_id
    assert len(heard.spans) == 6


def test_what_is_refused_says_why_by_its_code(settings: Settings, models: Models) -> None:
    with traced(settings, models) as (running, heard):
        url = running.url
        assert httpx.post(f"{url}/v1/frames", content=SMALL[:2000]).status_code == 422
        assert httpx.post(f"{url}/v1/frames?explain=me", content=SMALL).status_code == 422
        assert httpx.get(f"{url}/no-such-path?patient=Erika").status_code == 404
    broken, refused = (span for span in heard.spans if span.name == "POST judge_frame")
    assert attributes(broken)["error.type"] == "frame-truncated"
    assert set(children(heard, broken)) == {"admit", "queue", "decode", "reply"}
    assert attributes(children(heard, broken)["decode"])["error.type"] == "frame-truncated"
    assert attributes(refused)["error.type"] == "request-invalid"
    assert set(children(heard, refused)) == {"admit"}
    assert attributes(root(heard, "GET"))["error.type"] == "not-found"
    assert not any(b"Erika" in body or b"no-such" in body for body in heard.raw)


def test_each_frame_of_a_batch_and_of_a_tensor_has_its_steps(
    settings: Settings, models: Models
) -> None:
    with traced(settings, models) as (running, heard):
        files = [("frame", ("a", SMALL, "image/jpeg"))] * 3
        assert httpx.post(f"{running.url}/v1/frames:batch", files=files).is_success
        pixels = {"name": "pixels", "datatype": "UINT8", "shape": [1, 64, 64, 3]}
        inputs = [{**pixels, "data": [7] * (64 * 64 * 3)}]
        name = models.get().identity.name
        infer = httpx.post(
            f"{running.url}/v2/models/{name}/infer", content=json.dumps({"inputs": inputs})
        )
        assert infer.is_success
    for resource, frames in (("judge_frames", 3), ("infer", 1)):
        request = root(heard, f"POST {resource}")
        steps = [span for span in heard.spans if span.parent_span_id == request.span_id]
        assert [span.name for span in steps].count("inference") == frames


def test_a_streams_frames_are_traced_by_chance_and_linked_to_its_connection(
    settings: Settings, models: Models
) -> None:
    async def watch(running: Running, frames: int) -> None:
        async with talk(running.url) as it:
            await greeted(it)
            for sequence in range(frames):
                await it.frame(sequence, SMALL)
                await it.one(Judged)

    with traced(settings, models) as (running, heard):
        asyncio.run(watch(running, 3))
    connection = root(heard, "WS stream")
    frames = [span for span in heard.spans if span.name == "stream frame"]
    assert len(frames) == 3
    for frame in frames:
        assert frame.trace_id != connection.trace_id
        assert [link.span_id for link in frame.links] == [connection.span_id]
        assert set(children(heard, frame)) == {"admit", "queue", "decode", "inference", "reply"}
    with traced(settings, models, share=0.0) as (running, heard):
        asyncio.run(watch(running, 3))
    assert {span.name for span in heard.spans} == {"WS stream"}


def test_a_stream_within_an_unsampled_trace_leaves_none(settings: Settings, models: Models) -> None:
    async def watch(url: str) -> None:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
        address = url.replace("http", "ws") + "/v1/streams"
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            await socket.send(dump(Hello(clock_us(), deadline_ms=10_000)))
            await socket.send(StreamFrame(0, clock_us(), SMALL).pack())
            async for text in socket:
                if '"verdict"' in str(text):
                    return

    with traced(settings, models) as (running, heard):
        asyncio.run(watch(running.url))
    assert heard.spans == []


def test_a_collector_that_is_gone_holds_nobody_up(
    settings: Settings, models: Models, jpeg: bytes
) -> None:
    gone = settings.model_copy(
        update={"traces": "http://127.0.0.1:9/v1/traces", "egress": (allow("http://127.0.0.1:9"),)}
    )
    with serve(gone, models) as running, httpx.Client(base_url=running.url) as client:
        for _ in range(5):
            assert client.post("/v1/frames", content=jpeg).is_success
        began = time.monotonic()
    assert time.monotonic() - began < 6


def test_where_no_collector_is_configured_nothing_of_it_is_there(
    running: Running, classifier_bundle: Path
) -> None:
    def work(_: object) -> Road[None]:
        yield from ()

    assert running.service.traces is None
    assert running.service.followed(work) is work
    code = (
        "import sys; from endolink.serving import app, cli; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_extra_is_asked_for_before_anything_is_served(
    models: Models, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "endolink.serving.tracing", raising=False)
    monkeypatch.delattr(sys.modules["endolink.serving"], "tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    configured = settings.model_copy(
        update={"traces": "http://127.0.0.1:9/v1/traces", "egress": (allow("http://127.0.0.1:9"),)}
    )
    with pytest.raises(ExtraMissing, match=r"endolink\[tracing\]"):
        create_app(configured, models)


@pytest.mark.parametrize("address", ["127.0.0.1:4318", "ftp://host/v1/traces", "http://host"])
def test_a_collectors_address_is_whole(address: str) -> None:
    with pytest.raises(ValidationError, match="traces"):
        Settings(traces=address)


def test_no_trace_leaves_for_where_no_rule_lets_it(settings: Settings, models: Models) -> None:
    configured = settings.model_copy(update={"traces": "http://collector.example.org/v1/traces"})
    with pytest.raises(EgressRefused, match=r"aggregates=http://collector\.example"):
        create_app(configured, models)
