"""Clients of a service: raw sockets, so that what is measured is the service and not a library."""

import re
import socket
from collections.abc import Callable
from threading import Barrier, Lock, Thread
from time import perf_counter

import numpy as np
from numpy.typing import NDArray


class Connection:
    """One kept connection that posts the same body again and again: by default a frame to judge."""

    def __init__(
        self,
        port: int,
        body: bytes,
        path: str = "/v1/frames",
        headers: str = "Content-Type: image/jpeg",
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n"
        self._request = f"{head}{headers}\r\n\r\n".encode() + body

    def send(self) -> None:
        """Send one frame."""
        self._socket.sendall(self._request)

    def receive(self) -> int:
        """Read one answer to its end, and give its status."""
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        length = re.search(rb"(?i)content-length: (\d+)", data[:end])
        assert length
        missing = int(length[1]) - (len(data) - end - 4)
        while missing > 0:
            missing -= len(self._more())
        return int(data[9:12])

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the service closed the connection")
        return data

    def ask(self) -> int:
        """Send one frame and read its answer."""
        self.send()
        return self.receive()

    def close(self) -> None:
        """Leave, whatever is under way."""
        self._socket.close()


def together(workers: int, seconds: float, work: Callable[[int], int]) -> NDArray[np.float64]:
    """Let so many threads repeat `work(number)` for `seconds`.

    Gives a row for each call, in the order of their ends: when it ended, in seconds from the start,
    what it took in milliseconds, and the status that it gave.
    """
    rows: list[tuple[float, float, float]] = []
    lock, ready = Lock(), Barrier(workers + 1)

    def run(number: int) -> None:
        ready.wait()
        start = perf_counter()
        while (before := perf_counter()) - start < seconds:
            status = work(number)
            after = perf_counter()
            with lock:
                rows.append((after - start, (after - before) * 1e3, status))

    threads = [Thread(target=run, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    ready.wait()
    for thread in threads:
        thread.join()
    return np.array(sorted(rows))
