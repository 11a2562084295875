import logging
import re

import httpx
import pytest


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/nothing", "/openapi.json"])
def test_every_answer_says_what_it_took(client: httpx.Client, path: str) -> None:
    assert re.fullmatch(r"total;dur=[\d.]+", client.get(path).headers["server-timing"])


def test_a_verdicts_stages_are_said_too(client: httpx.Client, jpeg: bytes) -> None:
    answer = client.post("/v1/frames", content=jpeg)
    named = dict(re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"]))
    timing = answer.json()["timing_ms"]
    assert list(named) == ["queue", "decode", "inference", "total"]
    assert float(named["inference"]) == pytest.approx(timing["inference"], abs=0.06)
    assert float(named["total"]) >= timing["total"] - 0.1


def test_an_answer_is_an_event_of_the_debug_log(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.get("/healthz?name=DOE")
    (event,) = [
        record.getMessage() for record in caplog.records if "answered" in record.msg % record.args
    ]
    assert event.startswith("answered resource=alive status=200 ms=")
