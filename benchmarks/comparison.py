"""The same frame and the same network behind LitServe and Triton: their own minimal servers.

    python -m benchmarks.comparison --python other-venv/bin/python

They are no dependency of EndoLink: `--python` names the interpreter that has them (`pip install
litserve nvidia-pytriton onnxruntime pillow python-multipart`). One that is missing is left out,
with a word. All run on the built-in CPU provider, with one thread a run and as many workers as
there are processors; each in turn, so that all meet the same machine.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import IO

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection, together
from benchmarks.options import add_model, model, table
from benchmarks.process import served
from endolink.model.bundle import BUNDLED, Bundle

CLIENTS = (1, 16)
ROUNDS = 3
TIMES_THROUGHPUT, SHARE_OF_P50 = 2.0, 0.5
_STARTING_S = 120.0
_ENDOLINK = "EndoLink"
_MOST_TOLD = 300


@dataclass(frozen=True)
class Other:
    """Another server: its package, and how its client posts a frame."""

    name: str
    package: str
    module: str
    connect: Callable[[int, bytes], Connection]


def _form(port: int, image: bytes) -> Connection:
    boundary = "frame-boundary"
    head = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=frame; filename=frame.jpg\r\n"
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + image + f"\r\n--{boundary}--\r\n".encode()
    return Connection(
        port, body, "/predict", f"Content-Type: multipart/form-data; boundary={boundary}"
    )


def _tensor(port: int, image: bytes) -> Connection:
    """Post the image as BYTES, by the binary tensor extension of the Open Inference Protocol."""
    data = len(image).to_bytes(4, "little") + image
    size = {"binary_data_size": len(data)}
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = (
        f"Content-Type: application/octet-stream\r\nInference-Header-Content-Length: {len(head)}"
    )
    return Connection(port, head + data, "/v2/models/frame/infer", headers)


OTHERS = (
    Other("LitServe", "litserve", "benchmarks.others.litserve_server", _form),
    Other("Triton (pytriton)", "pytriton", "benchmarks.others.triton_server", _tensor),
)


def has(python: str, package: str) -> bool:
    """Tell whether an interpreter has a package."""
    ask = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", ask], check=False).returncode == 0


@contextmanager
def running(other: Other, python: str, network: Path) -> Iterator[int]:
    """Run another server in a process of its own, and give its port once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [python, "-m", other.module, str(network), "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=Path(__file__).parents[1],
            env=os.environ | {"PYTHONPATH": ""},
            # With a group of its own: their workers would outlive the one that started them.
            start_new_session=True,
        )
        late = Timer(_STARTING_S, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            while (line := process.stdout.readline()) and line.strip() != "ready":
                pass
            late.cancel()
            if not line:
                raise RuntimeError(_why(said) or f"it did not come up in {_STARTING_S:.0f} s")
            yield port
        finally:
            late.cancel()
            for end in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, end)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(20)
            if process.stdout is not None:
                process.stdout.close()


def _why(said: IO[str]) -> str:
    """Give the last complaint among what a server wrote to its standard error."""
    said.seek(0)
    lines = [line.strip() for line in said if "rror" in line]
    return lines[-1][:_MOST_TOLD] if lines else ""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model(parser)
    parser.add_argument("--seconds", type=float, default=12.0, help="for each load")
    parser.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="an interpreter that has them"
    )
    options = parser.parse_args(arguments)
    console = Console(width=110)
    others = []
    for other in OTHERS:
        if has(options.python, other.package):
            others.append(other)
        else:
            console.print(f"{other.name} is left out: {options.python} has no {other.package}.")
    chosen = replace(model(options), bundle=options.bundle or BUNDLED)
    folder = chosen.bundle
    assert folder is not None
    network = folder / Bundle.open(folder).manifest.variant(chosen.precision).network.file
    image = ordinary_frame()
    took: dict[tuple[str, int], list[NDArray[np.float64]]] = {}
    with ExitStack() as stack:
        service = stack.enter_context(
            served("--threads", "1", "--provider", "cpu", *chosen.options)
        )
        roads: dict[str, Callable[[], Connection]] = {
            _ENDOLINK: partial(Connection, service.port, image)
        }
        for one in others:
            try:
                port = stack.enter_context(running(one, options.python, network))
            except RuntimeError as error:
                # One of them that does not come up does not take the other along.
                console.print(f"{one.name} is left out: {error}", markup=False)
            else:
                roads[one.name] = partial(one.connect, port, image)
        for _ in range(ROUNDS):
            for clients in CLIENTS:
                for name, connect in roads.items():
                    rows = _load(connect, clients, options.seconds / ROUNDS)
                    if (rows[:, 2] != 200).any():
                        raise SystemExit(f"{name} answers {int(rows[:, 2].max())}")
                    took.setdefault((name, clients), []).append(rows)
    console.print(_table(list(roads), took, len(image)))


def _load(connect: Callable[[], Connection], clients: int, seconds: float) -> NDArray[np.float64]:
    """Ask over new connections: some servers soon close what is idle between two loads."""
    connections = [connect() for _ in range(clients)]
    for connection in connections[:2]:
        connection.ask()
    rows = together(clients, seconds, lambda number: connections[number].ask())
    for connection in connections:
        connection.close()
    return rows


def _table(
    names: Sequence[str], took: dict[tuple[str, int], list[NDArray[np.float64]]], size: int
) -> object:
    shown = table(
        f"{size / 1000:.0f} KB frames of 1280 × 1024, the same network; "
        "ratios: of EndoLink's p50 to theirs, of its throughput to theirs",
        ("", "clients", "p50 ms", "p99 ms", "frames/s", "p50 ratio", "throughput ratio"),
    )
    for clients in CLIENTS:
        figures = {}
        for name in names:
            parts = took[name, clients]
            p50, p99 = np.percentile(np.concatenate(parts)[:, 1], [50, 99])
            rate = sum(map(len, parts)) / sum(part[-1, 0] for part in parts)
            figures[name] = float(p50), float(p99), rate
        ours = figures[_ENDOLINK]
        for name, (p50, p99, rate) in figures.items():
            shown.add_row(
                name,
                str(clients),
                f"{p50:.1f}",
                f"{p99:.1f}",
                f"{rate:.0f}",
                "" if name == _ENDOLINK else f"{ours[0] / p50:.2f}",
                "" if name == _ENDOLINK else f"{ours[2] / rate:.2f}",
            )
    shown.add_row(
        "target", "1, 16", "", "", "", f"≤ {SHARE_OF_P50} at 1", f"≥ {TIMES_THROUGHPUT:.0f} at 16"
    )
    return shown


if __name__ == "__main__":
    main()
