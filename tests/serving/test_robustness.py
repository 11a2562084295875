"""The whole service against what nobody would send on purpose."""

import asyncio
import os
import random
import re
import socket
from contextlib import suppress
from typing import Any, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from starlette.routing import Route

from endolink.model.errors import FrameError
from endolink.serving.app import RESOURCES, create_app
from endolink.serving.http import openapi, problems
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, picture

# Routes are made before any model is asked.
NOBODY = cast("Models", None)

ROUTES = [
    route
    for route in create_app(Settings(), NOBODY).routes
    if isinstance(route, Route) and route.path not in {resource.path for resource in RESOURCES}
]


def everything() -> dict[str, Any]:
    """Describe what OpenAPI says of the interface, and the pages that are for people."""
    api = openapi.describe(RESOURCES)
    problem = {"$ref": "#/components/schemas/Problem"}
    for route in ROUTES:
        names = re.findall(r"{(\w+)}", route.path_format)
        api["paths"][route.path_format] = {
            "get": {
                "parameters": [
                    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                    for name in names
                ],
                "responses": {
                    "200": {"description": "A page.", "content": {"*/*": {}}},
                    "304": {"description": "As before."},
                    "default": {
                        "description": "A problem.",
                        "content": {problems.MEDIA_TYPE: {"schema": problem}},
                    },
                },
            }
        }
    return api


SCHEMA = schemathesis.openapi.from_dict(everything())


def test_every_route_is_tried() -> None:
    tried = set(SCHEMA.raw_schema["paths"])
    served = {getattr(route, "path_format", "") for route in create_app(Settings(), NOBODY).routes}
    # A stream is no request; tests/serving/http/test_streams.py sends it a thousand bad messages.
    assert served - tried == {"/v1/streams"}
    assert tried >= {"/", "/docs", "/v1/frames", "/v2/models/{model}/infer", "/metrics"}


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
        answer = b""
        # It may be refused, and the connection reset, before all of it was sent.
        with suppress(OSError):
            sock.sendall(request_line + b"\r\nHost: h\r\n\r\n")
            sock.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            answer = sock.recv(65536)
        assert not answer.startswith(b"HTTP/1.1 5")
    assert httpx.get(f"{running.url}/healthz").status_code == 200
