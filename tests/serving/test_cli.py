import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from endolink.model.verdict import VERDICT_JSON
from tests.serving.service import picture

PROGRAM = Path(sys.executable).with_name("endolink")


@contextmanager
def program(*args: str | Path) -> Iterator[tuple[subprocess.Popen[str], int, list[str]]]:
    """Run `endolink serve` on a free port until it has said all that it says when it listens."""
    process = subprocess.Popen(
        [PROGRAM, "serve", "--port", "0", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        port = re.search(r"http://[^/]+:(\d+) ", said[0])
        assert port, said
        yield process, int(port[1]), said
    finally:
        process.kill()
        process.communicate()


@pytest.mark.program("curl")
def test_the_printed_command_scores_a_frame_and_the_log_quotes_nothing(
    classifier_bundle: Path,
) -> None:
    options = ("--provider", "cpu", "--threads", "1", "--log-level", "debug")
    with program("--bundle", classifier_bundle, *options) as (process, port, said):
        (command,) = [line for line in said if line.lstrip().startswith("curl ")]
        done = subprocess.run(command, shell=True, capture_output=True, check=False, timeout=120)
        verdict = VERDICT_JSON.validate_json(done.stdout, strict=True)
        assert verdict.model.provider == "cpu"
        assert verdict.findings
        url = f"http://127.0.0.1:{port}/v1/frames"
        assert httpx.post(f"{url}?model=DOE", content=picture()).status_code == 404
        assert httpx.post(url, content=b"DOE^JANE").status_code == 415
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        log = process.stderr.read()
    assert "code=model-unknown" in log
    assert "code=frame-not-an-image" in log
    assert "DOE" not in log
    assert "WARNING" not in log


def test_sigterm_finishes_what_is_under_way_and_leaves_with_success(
    classifier_bundle: Path,
) -> None:
    frame, slow = picture(), picture("PNG", (3000, 2000))
    with program("--bundle", classifier_bundle) as (process, port, _), ExitStack() as open_:

        def send(body: bytes, length: int) -> socket.socket:
            sock = open_.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            sock.sendall(
                b"POST /v1/frames HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % length
            )
            sock.sendall(body)
            return sock

        # Half of a frame has come when the signal does, and four more wait or are being judged:
        # larger than a socket holds, they could only be sent because they are being read.
        half = send(frame[:9000], len(frame))
        whole = [send(slow, len(slow)) for _ in range(4)]
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        process.send_signal(signal.SIGTERM)
        while _listens(port):
            time.sleep(0.01)
        half.sendall(frame[9000:])
        for sock in (half, *whole):
            head, _, body = _receive(sock).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            VERDICT_JSON.validate_json(body, strict=True)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def _receive(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_an_interrupt_stops_an_idle_service_at_once(
    classifier_bundle: Path, tmp_path: Path
) -> None:
    network = "--host", "0.0.0.0", "--keys", tmp_path / "keys.json"
    with (
        program("--bundle", classifier_bundle, *network) as (process, port, said),
        httpx.Client() as client,
    ):
        assert "http://127.0.0.1:" in said[0]
        client.get(f"http://127.0.0.1:{port}/healthz")
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert process.stderr is not None
        # The network reaches this host, and listens.
        assert "not encrypted" in " ".join(process.stderr.read().split())


def test_the_environment_is_read_and_the_command_line_wins(
    classifier_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOLINK_BUNDLES", str(classifier_bundle))
    monkeypatch.setenv("ENDOLINK_PORT", "1")
    monkeypatch.setenv("ENDOLINK_MAX_BYTES", "2000")
    with program() as (_, port, _):
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/frames", content=picture())
        assert answer.json()["code"] == "frame-too-large"


def refused(*args: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [PROGRAM, "serve", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode not in {0, -signal.SIGKILL}
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_what_cannot_be_served_is_said(tmp_path: Path, classifier_bundle: Path) -> None:
    assert "bundle-missing" in refused("--bundle", tmp_path / "nowhere")
    assert "port=" in refused("--port", "99999")
    assert "queue='many'" in refused(ENDOLINK_QUEUE="many")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "in use" in refused("--bundle", classifier_bundle, "--port", port)


def test_help_teaches() -> None:
    done = subprocess.run([PROGRAM, "serve", "--help"], capture_output=True, text=True, check=True)
    for word in ("--bundle", "--provider", "ENDOLINK_QUEUE", "SIGTERM", "clinician decides"):
        assert word in done.stdout
