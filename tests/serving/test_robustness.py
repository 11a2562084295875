"""The whole service against what nobody would send on purpose."""

import asyncio
import os
import random
import socket
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from endolink.model.errors import FrameError
from endolink.serving.app import RESOURCES
from endolink.serving.http import openapi, problems
from tests.serving.service import Running, picture

SCHEMA = schemathesis.openapi.from_dict(openapi.describe(RESOURCES))


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_openapi_says(running: Running, case: Any) -> None:
    response = case.call(base_url=running.url)
    assert response.status_code != 500
    case.validate_response(response, checks=[content_type_conformance, response_schema_conformance])


def damaged(frames: list[bytes], number: int) -> bytes:
    chance = random.Random(number)
    frame = bytearray(chance.choice(frames))
    match chance.randrange(5):
        case 0:
            return bytes(frame[: chance.randrange(len(frame))])
        case 1:
            for _ in range(chance.randrange(1, 50)):
                frame[chance.randrange(min(len(frame), 700))] = chance.randrange(256)
        case 2:
            start = chance.randrange(len(frame))
            del frame[start : start + chance.randrange(1, 500)]
        case 3:
            start = chance.randrange(len(frame))
            frame[start:start] = os.urandom(chance.randrange(1, 200))
        case _:
            return os.urandom(chance.randrange(1, 2000))
    return bytes(frame)


def test_a_thousand_malformed_frames_leave_the_service_healthy(running: Running) -> None:
    frames = [picture(kind, (96, 80)) for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")]
    known = {error.code for error in FrameError.__subclasses__()}

    async def main() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
            line = asyncio.Semaphore(8)

            async def send(number: int) -> httpx.Response:
                async with line:
                    return await client.post("/v1/frames", content=damaged(frames, number))

            return await asyncio.gather(*map(send, range(1000)))

    answers = asyncio.run(main())
    for answer in answers:
        if answer.status_code != 200:
            assert 400 <= answer.status_code < 500
            problem = problems.Problem.model_validate_json(answer.content, strict=True)
            assert problem.code in known
            assert problem.detail
    assert sum(answer.status_code == 200 for answer in answers) < 700
    with httpx.Client(base_url=running.url, timeout=20) as client:
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/frames", content=picture()).status_code == 200
    assert running.service.scheduler.admitted == 0
    assert running.service.intake.held_bytes == 0


@pytest.mark.parametrize(
    "request_line",
    [
        b"POST /v1/frames HTTP/9.9",
        b"\x16\x03\x01\x02\x00",
        b"POST /v1/frames\x00 HTTP/1.1",
        b"GET " + b"/x" * 50_000 + b" HTTP/1.1",
    ],
    ids=["version", "tls", "nul", "long"],
)
def test_what_is_no_http_is_not_answered_with_a_fault(
    running: Running, request_line: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
        sock.sendall(request_line + b"\r\nHost: h\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert not sock.recv(65536).startswith(b"HTTP/1.1 5")
    assert httpx.get(f"{running.url}/healthz").status_code == 200
