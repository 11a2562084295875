"""Asks so many times a second, whether or not what came before is answered.

    python -m benchmarks.flood 8000 400 10

In a process and a thread of its own, since it shares the cores with the service. Prints
one JSON line: of each answer what it took from the sending, in milliseconds, and its status.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
from time import perf_counter
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.camera import in_loop
from benchmarks.frame import ordinary_frame

# Enough to keep the rate while those that were let in wait for their answers.
CLIENTS = 64
# A flood is told from a burst within this time, in seconds; what came before is not counted.
BEGINNING_S = 1.0
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")

Row = tuple[float, int]


class _Client(asyncio.Protocol):
    """One kept connection, which asks when it is told to and then waits for its answer."""

    def __init__(self, request: bytes, free: asyncio.Queue["_Client"], rows: list[Row]) -> None:
        self._request, self._free, self._rows = request, free, rows
        self._come = b""
        self._counts = False
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._free.put_nowait(self)

    def ask(self, *, counts: bool) -> None:
        """Send the request; the answer's time is kept where it `counts`."""
        assert self._transport is not None
        self._counts, self._sent = counts, perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._come += data
        end = self._come.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._come, 0, end)
        assert length
        if len(self._come) < end + 4 + int(length[1]):
            return
        if self._counts:
            self._rows.append(((perf_counter() - self._sent) * 1e3, int(self._come[9:12])))
        self._come = b""
        self._free.put_nowait(self)


async def ask(port: int, rate: float, seconds: float) -> list[Row]:
    """Ask `rate` times a second for `seconds`, beside the beginning."""
    image = ordinary_frame()
    head = f"POST /v1/frames HTTP/1.1\r\nHost: here\r\nContent-Length: {len(image)}\r\n"
    request = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + image
    free: asyncio.Queue[_Client] = asyncio.Queue()
    rows: list[Row] = []
    loop = asyncio.get_running_loop()
    for _ in range(CLIENTS):
        await loop.create_connection(lambda: _Client(request, free, rows), "127.0.0.1", port)
    begin = perf_counter() + 0.1
    for turn in range(int(rate * (BEGINNING_S + seconds))):
        after = turn / rate
        if (wait := begin + after - perf_counter()) > 0:
            await asyncio.sleep(wait)
        (await free.get()).ask(counts=after > BEGINNING_S)
    for _ in range(CLIENTS):
        await asyncio.wait_for(free.get(), 30)
    return rows


def flood(port: int, rate: float, seconds: float) -> NDArray[np.float64]:
    """Do the same in a process of its own.

    Gives a row for each: what it took from the sending to the answer in milliseconds, its status.
    """
    command = [sys.executable, "-m", "benchmarks.flood", *map(str, (port, rate, seconds))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return np.array(json.loads(done.stdout)).reshape(-1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    print(json.dumps(in_loop(ask(given.port, given.rate, given.seconds))))


if __name__ == "__main__":
    main()
