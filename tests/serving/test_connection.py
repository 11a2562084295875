"""Who holds connections and sends no request, or never ends one, costs nobody else their turn."""

import resource
import socket
import time
from contextlib import ExitStack, suppress

import httpx
import pytest

from benchmarks.process import served
from endolink.serving import connection
from endolink.serving.http.problems import Problem
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, serve


def dial(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=10)


def rest(sock: socket.socket) -> bytes:
    """Read until the service closes."""
    parts = []
    try:
        while data := sock.recv(65536):
            parts.append(data)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    told = Problem.model_validate_json(body)
    assert int(head.split()[1]) == told.status
    return told.status, told.code


def is_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_a_head_that_comes_byte_by_byte_is_cut_off(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    began = time.monotonic()
    with dial(running) as sock:
        # Slowloris: there is always a bit more to come.
        sock.sendall(b"POST /v1/frames HTTP/1.1\r\nHost: h\r\n")
        sock.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() - began < 8:
            try:
                sock.sendall(b"X-A: b\r\n")
                answer = sock.recv(65536)
            except TimeoutError:
                continue
        assert problem(answer) == (408, "request-timeout")
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"])
def test_a_connection_that_says_nothing_is_closed_and_a_second_head_is_timed_too(
    running: Running, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    with dial(running) as sock:
        if before:
            sock.sendall(before)
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")
            # Kept for the next request, whose head has to come in time as well.
            time.sleep(0.6)
            assert is_open(sock)
            sock.setblocking(True)
            sock.settimeout(5)
            sock.sendall(b"GET /hea")
            assert problem(rest(sock))[1] == "request-timeout"
        else:
            assert rest(sock) == b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"X-A: b\r\n" * 9000 + b"\r\n",
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        # One header without an end, which the parser would collect for ever.
        b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 2_000_000,
    ],
    ids=["long", "many", "path", "endless"],
)
def test_a_head_that_is_too_large_is_refused(running: Running, head: bytes) -> None:
    with dial(running) as sock:
        with suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(head)
        answer = rest(sock)
    # Where more was on its way when it was closed, TCP takes the answer along.
    assert not answer or problem(answer) == (431, "request-header-fields-too-large")
    assert answer or len(head) > 1_000_000
    assert httpx.get(f"{running.url}/healthz").status_code == 200


def test_what_is_no_http_is_answered_with_a_problem(running: Running) -> None:
    with dial(running) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        assert problem(rest(sock)) == (400, "bad-request")


def test_idle_connections_make_room_and_frames_are_answered_all_the_while(
    settings: Settings, models: Models, jpeg: bytes
) -> None:
    with (
        serve(settings.model_copy(update={"connections": 40}), models) as running,
        ExitStack() as stack,
    ):
        first = [stack.enter_context(dial(running)) for _ in range(40)]
        # One in the middle of a request is no idler.
        busy = first[0]
        busy.sendall(
            b"POST /v1/frames HTTP/1.1\r\nHost: h\r\n"
            + f"Expect: 100-continue\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            + jpeg[:100]
        )
        # The service is at it, and says so.
        assert busy.recv(65536).startswith(b"HTTP/1.1 100")
        more = [stack.enter_context(dial(running)) for _ in range(400)]
        with httpx.Client(base_url=running.url, timeout=10) as client:
            for _ in range(3):
                assert client.post("/v1/frames", content=jpeg).status_code == 200
        idle = [*first[1:], *more]
        assert sum(map(is_open, idle)) <= 40
        # Those that came last are the ones that are kept.
        assert is_open(more[-1])
        assert not is_open(first[1])
        busy.sendall(jpeg[100:])
        assert busy.recv(65536).startswith(b"HTTP/1.1 200")


def test_where_all_are_busy_the_newest_is_closed(settings: Settings, models: Models) -> None:
    with (
        serve(settings.model_copy(update={"connections": 3}), models) as running,
        ExitStack() as stack,
    ):
        for _ in range(3):
            sock = stack.enter_context(dial(running))
            sock.sendall(
                b"POST /v1/frames HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                b"Content-Length: 9\r\n\r\n"
            )
            assert sock.recv(65536).startswith(b"HTTP/1.1 100")
        with dial(running) as one_more:
            assert rest(one_more) == b""


def flood(sock: socket.socket, requests: bytes, seconds: float = 10) -> bool:
    """Send until it is cut off, reading nothing; say whether it was."""
    until = time.monotonic() + seconds
    sock.settimeout(0.2)
    while time.monotonic() < until:
        try:
            sock.sendall(requests)
        except TimeoutError:
            continue
        except OSError:
            return True
        time.sleep(0.005)
    return False


def test_who_reads_no_answer_is_cut_off(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "TAKE_S", 0.3)
    monkeypatch.setattr(connection, "PIPELINED", 1_000_000)
    # Each answer has some thirty thousand bytes.
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n"
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", running.port))
        assert flood(sock, ask)
    assert httpx.get(f"{running.url}/healthz").status_code == 200


def test_requests_do_not_pile_up_before_their_answers(running: Running) -> None:
    with dial(running) as sock:
        assert flood(sock, b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 1000)
    with dial(running) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 5)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 5:
            answers += sock.recv(65536)


@pytest.mark.soak
def test_thousands_of_idle_and_slow_sockets_delay_no_frame_and_take_no_memory(
    jpeg: bytes,
) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < 6000:
        pytest.skip(f"the system lets a process open {most} files, and this opens 5000")
    with served() as service, httpx.Client(base_url=f"http://127.0.0.1:{service.port}") as client:

        def frames() -> float:
            took = []
            for _ in range(50):
                began = time.monotonic()
                assert client.post("/v1/frames", content=jpeg).status_code == 200
                took.append(time.monotonic() - began)
            return sorted(took)[25]

        frames()
        alone, before = frames(), service.memory_mb()
        with ExitStack() as stack:
            sockets = []
            for number in range(5000):
                sock = socket.create_connection(("127.0.0.1", service.port), timeout=10)
                sockets.append(stack.enter_context(sock))
                if number % 10 == 0:
                    sock.sendall(b"POST /v1/frames HTTP/1.1\r\nX-A: " + b"a" * 30_000)
            besieged = frames()
            assert sum(map(is_open, sockets)) <= Settings().connections
            grown = service.memory_mb() - before
    assert besieged < 2 * alone + 0.01
    # 768 connections, a tenth of them with a head of 30 KB, and the parser's own buffers.
    assert grown < 64
