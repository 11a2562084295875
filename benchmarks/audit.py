"""What the audit log, and keeping every frame, add to a request: one client, in turns."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection
from benchmarks.options import Model, add_model, model, table
from benchmarks.process import served
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.retention.key_file import KeyFile

P50_TARGET = 1.05
BLOCK = 20
WITHOUT = "without"


def services(folder: Path) -> dict[str, dict[str, str]]:
    """Give the environments of the services that are compared, each with files of its own."""
    SigningKey.create(folder / "audit.key")
    log = {"ENDOLINK_AUDIT_KEY": str(folder / "audit.key")}
    keep = {
        "ENDOLINK_RETAIN": str(folder / "retained"),
        "ENDOLINK_RETAIN_KEY": str(folder / "retained.key"),
        "ENDOLINK_RETAIN_PURPOSE": "review",
        "ENDOLINK_RETAIN_DAYS": "1",
        "ENDOLINK_RETAIN_WHEN": "all",
        "ENDOLINK_RETAIN_CLIENTS": "*",
    }
    KeyFile(folder / "retained.key").create()
    return {
        WITHOUT: {},
        "with the audit log": log | {"ENDOLINK_AUDIT": str(folder / "a.sqlite")},
        "durable": log
        | {"ENDOLINK_AUDIT": str(folder / "b.sqlite"), "ENDOLINK_AUDIT_DURABLE": "true"},
        "and every frame kept": log | {"ENDOLINK_AUDIT": str(folder / "c.sqlite")} | keep,
    }


def measure(chosen: Model, *, rounds: int, folder: Path) -> dict[str, NDArray[np.float64]]:
    """Ask each service `rounds` times, in blocks that take turns; give the milliseconds.

    The services are processes of their own that differ in nothing else, and wait while another is
    asked.
    """
    image = ordinary_frame()
    took: dict[str, list[float]] = {}
    with ExitStack() as stack:
        connections: dict[str, Connection] = {}
        for name, environment in services(folder).items():
            running = stack.enter_context(served("--threads", "1", *chosen.options, **environment))
            connections[name] = Connection(running.port, image)
            # A connection that asks nothing is soon closed.
            connections[name].ask()
            took[name] = []
        # The first turn is for the caches.
        for turn in range(-(-rounds // BLOCK) + 1):
            for name, connection in connections.items():
                for _ in range(min(BLOCK, rounds)):
                    start = perf_counter()
                    if (status := connection.ask()) != 200:
                        raise RuntimeError(f"the service answered {status}")
                    if turn:
                        took[name].append((perf_counter() - start) * 1e3)
        for connection in connections.values():
            connection.close()
    return {name: np.array(times) for name, times in took.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    add_model(parser)
    parser.add_argument("--rounds", type=int, default=600, help="how often each service is asked")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        measured = measure(model(options), rounds=options.rounds, folder=Path(folder))
    shown = table(
        f"One client, one frame of 1280 × 1024, {options.rounds} requests each, {BLOCK} at a turn",
        ("", "p50 ms", "p99 ms", "p50 ratio", "p99 ratio"),
    )
    bare = np.percentile(measured[WITHOUT], [50, 99])
    for name, times in measured.items():
        p50, p99 = np.percentile(times, [50, 99])
        shown.add_row(
            name,
            f"{p50:.2f}",
            f"{p99:.2f}",
            *(("1", "1") if name == WITHOUT else (f"{p50 / bare[0]:.3f}", f"{p99 / bare[1]:.3f}")),
        )
    shown.add_row("target", "", "", f"≤ {P50_TARGET}", "")
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
