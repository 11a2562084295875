import asyncio
import base64
import hashlib
import json
import logging
import socket
import threading
from contextlib import ExitStack
from io import BytesIO
from time import perf_counter, sleep

import httpx
import pytest
from PIL import Image

from endolink.model.verdict import EXPLAINED_JSON, VERDICT_JSON
from endolink.serving.http.frames import Batch
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, picture, serve

SECRET = b"DOE^JANE 1970-01-01"


def test_a_frame_is_answered_with_the_verdict_of_the_bare_road(
    running: Running, client: httpx.Client, jpeg: bytes
) -> None:
    answer = client.post("/v1/frames", content=jpeg)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    verdict = VERDICT_JSON.validate_json(answer.content, strict=True)
    (bare,) = running.service.models.get(None).score([jpeg])
    assert verdict.model == bare.model
    assert verdict.frame.sha256 == hashlib.sha256(jpeg).hexdigest()
    assert (verdict.frame.width, verdict.frame.height) == (640, 512)
    assert [finding.probability for finding in verdict.findings] == pytest.approx(
        [finding.probability for finding in bare.findings], abs=1e-6
    )
    assert [finding.present for finding in verdict.findings] == [
        finding.present for finding in bare.findings
    ]
    assert (verdict.usable, verdict.reasons, verdict.familiar) == (
        bare.usable,
        bare.reasons,
        bare.familiar,
    )
    assert verdict.familiarity == pytest.approx(bare.familiarity, abs=1e-6)
    assert answer.headers["x-request-id"] == verdict.request_id
    timing = verdict.timing_ms
    assert timing.total >= timing.queue + timing.decode + timing.inference - 0.01


def test_the_fields_are_those_of_the_contract(client: httpx.Client, jpeg: bytes) -> None:
    verdict = client.post("/v1/frames", content=jpeg).json()
    assert list(verdict) == [
        "request_id",
        "model",
        "frame",
        "usable",
        "reasons",
        "familiar",
        "familiarity",
        "findings",
        "timing_ms",
        "age_ms",
    ]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_every_kind_is_read_with_its_own_media_type(client: httpx.Client, kind: str) -> None:
    answer = client.post(
        "/v1/frames",
        content=picture(kind, (320, 256)),
        headers={"content-type": f"image/{kind.lower()}"},
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "content_type", ["application/octet-stream", "application/x-www-form-urlencoded", ""]
)
def test_what_tools_send_by_themselves_claims_nothing(
    client: httpx.Client, jpeg: bytes, content_type: str
) -> None:
    answer = client.post("/v1/frames", content=jpeg, headers={"content-type": content_type})
    assert answer.status_code == 200


def test_a_form_gives_the_same_verdict(client: httpx.Client, jpeg: bytes) -> None:
    form = client.post("/v1/frames", files={"frame": ("x.jpg", jpeg, "image/jpeg")}).json()
    raw = client.post("/v1/frames", content=jpeg).json()
    assert form["frame"] == raw["frame"]
    assert form["findings"] == raw["findings"]


def test_what_the_client_says_of_the_frame_comes_back(client: httpx.Client, jpeg: bytes) -> None:
    verdict = client.post(
        "/v1/frames",
        params={"captured_at": "2026-01-02T03:04:05.250+08:00", "sequence": 17},
        content=jpeg,
    ).json()
    assert verdict["frame"]["captured_at"] == "2026-01-02T03:04:05.250000+08:00"
    assert verdict["frame"]["sequence"] == 17


def test_boxes_come_only_when_asked_for(client: httpx.Client, jpeg: bytes) -> None:
    plain = client.post("/v1/frames", content=jpeg).json()
    assert all(finding["box"] is None for finding in plain["findings"])
    explained = client.post("/v1/frames?explain=box", content=jpeg).json()
    for finding in explained["findings"]:
        if finding["box"] is not None:
            x0, y0, x1, y1 = finding["box"]
            assert finding["present"]
            assert 0 <= x0 < x1 <= 640
            assert 0 <= y0 < y1 <= 512


def test_the_model_can_be_named(running: Running, client: httpx.Client, jpeg: bytes) -> None:
    name = running.service.models.get(None).identity.name
    assert client.post(f"/v1/frames?model={name}", content=jpeg).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "query", "status", "code"),
    [
        (b"", "", "", 400, "frame-empty"),
        (b"what is this?", "", "", 415, "frame-not-an-image"),
        (b"x" * (2**20 + 1), "", "", 413, "frame-too-large"),
        (picture()[:9000], "", "", 422, "frame-truncated"),
        (picture("JPEG", (16, 16)), "", "", 422, "frame-too-small"),
        (picture(), "image/png", "", 415, "frame-mislabelled"),
        (picture(), "text/plain", "", 415, "media-type-unsupported"),
        (picture(), "multipart/form-data", "", 422, "request-invalid"),
        (picture(), "", "?model=palantir", 404, "model-unknown"),
        (picture(), "", "?explain=everything", 422, "request-invalid"),
        (picture(), "", "?captured_at=2026-01-02T03:04:05", 422, "request-invalid"),
        (picture(), "", "?sequence=-1", 422, "request-invalid"),
        (picture(), "", "?explian=box", 422, "request-invalid"),
        (picture(), "", "?deadline_ms=0", 422, "request-invalid"),
        (picture(), "", "?deadline_ms=nan", 422, "request-invalid"),
        (picture(), "", "?deadline_ms=1e-9", 504, "deadline-exceeded"),
        (picture(), "", "?priority=urgent", 422, "request-invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("f") else "",
)
def test_what_cannot_be_judged_is_a_problem(
    client: httpx.Client, *, body: bytes, content_type: str, query: str, status: int, code: str
) -> None:
    answer = client.post(f"/v1/frames{query}", content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"/docs#{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == f"urn:ulid:{answer.headers['x-request-id']}"


def test_a_long_body_without_a_length_is_refused_before_it_ends(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
        sock.sendall(
            b"POST /v1/frames HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        # One chunk more than is allowed, and no end of the body.
        for _ in range(17):
            sock.sendall(chunk)
        answer = sock.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code": "frame-too-large"' in answer


def test_a_promised_length_is_refused_before_a_byte_is_sent(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as sock:
        sock.sendall(
            b"POST /v1/frames HTTP/1.1\r\nHost: here\r\nContent-Length: 9999999999\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("form", [False, True])
def test_no_answer_and_no_log_line_quotes_the_frame(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, jpeg: bytes, form: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    for body in (
        SECRET,
        jpeg[:3000] + SECRET,
        b"\x89PNG\r\n\x1a\n" + SECRET,
        b"BM" + SECRET * 9,
        jpeg[:2] + b"\xff\xfe\x00\x20" + SECRET + b"x" * 50,
    ):
        if form:
            answer = client.post("/v1/frames", files={SECRET.decode(): (SECRET.decode(), body)})
        else:
            answer = client.post("/v1/frames", content=body)
        assert answer.status_code >= 400
        assert b"DOE" not in answer.content
        assert "DOE" not in str(answer.headers)
    answer = client.post("/v1/frames", params={"model": "DOE", "explain": "DOE"}, content=jpeg)
    assert answer.status_code == 422
    assert b"DOE" not in answer.content
    assert "DOE" not in "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("http")
    )


def test_an_overload_is_refused_with_when_to_return(
    models: Models, settings: Settings, jpeg: bytes
) -> None:
    with serve(settings.model_copy(update={"queue": 1}), models) as running:
        gate = threading.Event()
        occupied = threading.Barrier(running.service.scheduler.workers + 1)

        def occupy(_: object) -> bool:
            occupied.wait(5)
            return gate.wait(10)

        for _ in range(running.service.scheduler.workers):
            running.call(running.service.scheduler.run(occupy))
        occupied.wait(5)
        waiting = running.call(running.service.scheduler.run(lambda _: True))
        before = perf_counter()
        refused = httpx.post(f"{running.url}/v1/frames", content=jpeg)
        assert perf_counter() - before < 1
        assert refused.status_code == 503
        assert refused.json()["code"] == "overloaded"
        assert refused.json()["retry_after"] > 0
        assert int(refused.headers["retry-after"]) >= 1
        assert httpx.get(f"{running.url}/healthz").status_code == 200
        gate.set()
        assert waiting.result(5)
        assert httpx.post(f"{running.url}/v1/frames", content=jpeg).status_code == 200


def test_many_clients_at_once_get_their_own_verdicts(running: Running) -> None:
    pictures = [picture("PNG", (200 + 10 * i, 180)) for i in range(8)]

    async def main() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=running.url, timeout=20) as client:
            return await asyncio.gather(
                *(client.post("/v1/frames", content=content) for content in pictures * 3)
            )

    answers = asyncio.run(main())
    assert [answer.status_code for answer in answers] == [200] * 24
    for answer, content in zip(answers, pictures * 3, strict=True):
        assert answer.json()["frame"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert len({json.loads(answer.content)["request_id"] for answer in answers}) == 24


def test_a_client_that_leaves_while_it_sends_harms_nobody(
    running: Running, client: httpx.Client, jpeg: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as sock:
        sock.sendall(
            b"POST /v1/frames HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n" + jpeg[:500]
        )
    assert client.post("/v1/frames", content=jpeg).status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def post_and_close(port: int, body: bytes, query: str = "") -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(
            f"POST /v1/frames{query} HTTP/1.1\r\nHost: here\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


def test_clients_that_leave_take_their_queued_frames_with_them(
    models: Models, settings: Settings, jpeg: bytes
) -> None:
    with serve(settings, models) as running:
        scheduler = running.service.scheduler
        gate = threading.Event()
        jobs = [running.call(scheduler.run(lambda _: gate.wait(10))) for _ in range(2)]

        async def main() -> httpx.Response:
            async with httpx.AsyncClient(base_url=running.url, timeout=20) as stays:
                answer = asyncio.create_task(stays.post("/v1/frames", content=jpeg))
                for _ in range(8):
                    await asyncio.to_thread(post_and_close, running.port, jpeg)
                until = perf_counter() + 5
                while scheduler.waiting("interactive") != 1 and perf_counter() < until:
                    await asyncio.sleep(0.01)
                assert scheduler.waiting("interactive") == 1
                gate.set()
                return await answer

        assert asyncio.run(main()).status_code == 200
        assert all(job.result(5) for job in jobs)
        # On a busy machine one that has left may be read in only now, to be given up at once.
        until = perf_counter() + 5
        while scheduler.admitted and perf_counter() < until:
            sleep(0.01)
        assert scheduler.admitted == 0


def test_a_deadline_is_counted_from_arrival(
    models: Models, settings: Settings, jpeg: bytes
) -> None:
    with serve(settings, models) as running:
        scheduler = running.service.scheduler
        url = f"{running.url}/v1/frames"
        assert httpx.post(f"{url}?deadline_ms=5000", content=jpeg).status_code == 200
        gate = threading.Event()
        jobs = [
            running.call(scheduler.run(lambda _: gate.wait(10))) for _ in range(scheduler.workers)
        ]
        threading.Timer(2.0, gate.set).start()
        late = httpx.post(f"{url}?deadline_ms=100", content=jpeg)
        assert late.status_code == 504
        assert late.json()["code"] == "deadline-exceeded"
        assert all(job.result(5) for job in jobs)
        assert httpx.post(f"{url}?priority=bulk", content=jpeg).status_code == 200


def test_heatmaps_come_beside_the_verdict_when_asked_for(
    running: Running, client: httpx.Client, jpeg: bytes
) -> None:
    answer = client.post("/v1/frames?explain=heatmap", content=jpeg)
    verdict = EXPLAINED_JSON.validate_json(answer.content, strict=True)
    plain = client.post("/v1/frames?explain=box", content=jpeg).json()
    assert answer.json()["findings"] == plain["findings"]
    assert [heatmap.code for heatmap in verdict.heatmaps] == [
        finding.code for finding in verdict.findings if finding.present
    ]
    for heatmap in verdict.heatmaps:
        x0, y0, x1, y1 = heatmap.box
        assert 0 <= x0 < x1 <= 640
        assert 0 <= y0 < y1 <= 512
        with Image.open(BytesIO(base64.b64decode(heatmap.png))) as picture_of_it:
            assert (picture_of_it.format, picture_of_it.mode) == ("PNG", "L")
            assert picture_of_it.getextrema()[1] == 255


def test_a_batch_is_answered_frame_by_frame_in_order(client: httpx.Client, jpeg: bytes) -> None:
    frames = [picture("PNG", (64 + i, 64)) for i in range(5)]
    frames[2:2] = [SECRET]
    files = [("frame", (f"{i}.png", frame)) for i, frame in enumerate(frames)]
    answer = client.post("/v1/frames:batch", files=files)
    assert answer.status_code == 200
    batch = Batch.model_validate_json(answer.content)
    assert [item.verdict is None for item in batch.frames] == [i == 2 for i in range(6)]
    assert batch.frames[2].error is not None
    assert batch.frames[2].error.code == "frame-not-an-image"
    for i, item in enumerate(batch.frames):
        if item.verdict is not None:
            assert item.verdict.frame.sequence == i
            assert item.verdict.frame.sha256 == hashlib.sha256(frames[i]).hexdigest()
    assert b"DOE" not in answer.content
    alone = client.post("/v1/frames", content=frames[0]).json()
    assert answer.json()["frames"][0]["verdict"]["findings"] == alone["findings"]
    explained = client.post("/v1/frames:batch?explain=heatmap", files=files[:1]).json()
    assert "heatmaps" in explained["frames"][0]["verdict"]


@pytest.mark.parametrize(
    ("files", "query", "status", "code"),
    [
        ([("frame", ("a", b"x"))] * 65, "", 422, "request-invalid"),
        ([("frame", ("a", b"x")), ("option", (None, b"x"))], "", 422, "request-invalid"),
        ([("frame", ("a", b"x"))], "?sequence=7", 422, "request-invalid"),
        ([("frame", ("a", b"x"))], "?model=palantir", 404, "model-unknown"),
        (None, "", 415, "media-type-unsupported"),
    ],
)
def test_a_batch_that_is_none_is_a_problem(
    client: httpx.Client, files: object, query: str, status: int, code: str
) -> None:
    answer = client.post(f"/v1/frames:batch{query}", files=files)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_is_held_in_memory_is_bounded(models: Models, settings: Settings) -> None:
    with serve(settings.model_copy(update={"uploads": 2}), models) as running, ExitStack() as open_:
        for _ in range(2):
            sock = open_.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            sock.sendall(b"POST /v1/frames HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nx")
        until = perf_counter() + 5
        while running.service.intake.held < 2 and perf_counter() < until:
            pass
        refused = httpx.post(f"{running.url}/v1/frames", content=picture())
        assert refused.json()["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        open_.close()
        while running.service.intake.held and perf_counter() < until:
            pass
        assert httpx.post(f"{running.url}/v1/frames", content=picture()).status_code == 200


def test_an_upload_that_takes_for_ever_is_ended(models: Models, settings: Settings) -> None:
    with (
        serve(settings.model_copy(update={"upload_seconds": 0.1}), models) as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=5) as sock,
    ):
        sock.sendall(b"POST /v1/frames HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nx")
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code": "upload-too-slow"' in answer
        assert running.service.intake.held == 0
