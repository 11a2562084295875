import logging
import socket
import subprocess
import sys

import httpx
import pytest
from starlette.applications import Starlette

from endolink.serving.models import Models
from endolink.serving.server import make_server
from endolink.serving.settings import Settings
from tests.serving.service import Running, serve


def test_the_port_is_told_once_it_answers_there(running: Running) -> None:
    assert running.port > 0
    assert httpx.get(f"{running.url}/healthz").status_code == 200


def test_a_port_that_is_taken_ends_the_server_with_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1])
        with pytest.raises(SystemExit) as left:
            make_server(Starlette(), settings, heard.append).run()
    assert left.value.code != 0
    assert heard == []
    assert "in use" in caplog.text


def test_answers_do_not_say_what_made_them(client: httpx.Client) -> None:
    assert "server" not in client.get("/healthz").headers


def test_no_access_log_is_written_whoever_listens(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.get("/healthz?name=DOE")
    assert not [record for record in caplog.records if record.name == "uvicorn.access"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", ["debug", "info"]), ("info", ["info"]), ("error", [])],
)
def test_the_log_goes_to_standard_error(level: str, expected: list[str]) -> None:
    code = (
        "import logging; from endolink.serving.server import log_to_stderr; "
        f"log_to_stderr({level!r}); log = logging.getLogger('endolink.x'); "
        "log.debug('debug'); log.info('info'); "
        "logging.getLogger('uvicorn.error').info('server')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == ""
    assert [line.split()[-1] for line in done.stderr.splitlines()] == expected


def test_what_outlasts_the_time_for_stopping_is_told_so_and_is_no_fault(
    settings: Settings, models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings.model_copy(update={"shutdown_grace": 1})
    with socket.socket() as client:
        with serve(settings, models) as running:
            client.connect(("127.0.0.1", running.port))
            # A body that never comes to its end.
            client.sendall(b"POST /v1/frames HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nslow")
            with httpx.Client(base_url=running.url) as other:
                while not running.service.intake.held_bytes:
                    assert other.get("/healthz").status_code == 200
        client.settimeout(10)
        answer = client.recv(65536)
    assert b" 503 " in answer.partition(b"\r\n")[0]
    assert b"shutting-down" in answer
    assert not any(record.exc_info for record in caplog.records)
