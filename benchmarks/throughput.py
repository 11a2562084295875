"""`python -m benchmarks.throughput`: 1, 4 and 16 clients against the bare road on every core.

    python -m benchmarks.throughput --clients 16 --batching off on --threads 1 2

compares services that do and do not gather frames for the network, in turns.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import product
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection, together
from benchmarks.options import add_model, model, table
from benchmarks.process import Served, served
from endolink.model.classifier import Classifier
from endolink.model.runtime import available_cpus
from endolink.model.verdict import VERDICT_JSON

CLIENTS = (1, 4, 16)
# In turns, so that all meet the same machine.
_ROUNDS = 4


@dataclass(frozen=True)
class Variant:
    """One service that is measured: its setup in words, and connections to it."""

    name: str
    service: Served
    connections: list[Connection]

    def ask(self, number: int) -> int:
        """Send one frame over the connection of that number."""
        return self.connections[number].ask()

    def runs(self) -> tuple[float, float]:
        """Say how often the network ran by now, and over how many frames."""
        asking = HTTPConnection("127.0.0.1", self.service.port, timeout=10)
        asking.request("GET", "/metrics")
        text = asking.getresponse().read().decode()
        asking.close()
        count, total = (
            re.search(rf"^endolink_network_frames_{what} (\S+)$", text, re.MULTILINE)
            for what in ("count", "sum")
        )
        assert count
        assert total
        return float(count[1]), float(total[1])


@dataclass
class Load:
    """So many callers of one road: the answers of each turn, and what the service spent on them."""

    callers: int
    work: Callable[[int], int]
    base: str
    variant: Variant | None = None
    parts: list[NDArray[np.float64]] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    runs: float = 0.0
    judged: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(map(len, self.parts)) / self.seconds

    def take_turn(self, seconds: float) -> None:
        """Let all callers ask for `seconds`."""
        served = self.variant
        cpu = served.service.cpu_seconds() if served else 0.0
        runs = served.runs() if served else (0.0, 0.0)
        begin = perf_counter()
        self.parts.append(together(self.callers, seconds, self.work))
        self.seconds += perf_counter() - begin
        if served:
            self.cpu += served.service.cpu_seconds() - cpu
            after = served.runs()
            self.runs += after[0] - runs[0]
            self.judged += after[1] - runs[1]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    add_model(parser)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each load")
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of one network run")
    parser.add_argument("--batching", nargs="+", default=["auto"], choices=("auto", "on", "off"))
    given = parser.parse_args(arguments)
    options = model(given)
    image, cores = ordinary_frame(), available_cpus()
    classifier = Classifier.open(options.bundle, threads=1, precision=options.precision)

    def bare(_: int) -> int:
        (verdict,) = classifier.score([image])
        VERDICT_JSON.dump_json(verdict)
        return 200

    one, every = "bare road, 1 thread", f"bare road, {cores} threads"
    loads = {one: Load(1, bare, one), every: Load(cores, bare, every)}
    with ExitStack() as services:
        for threads, batching in product(given.threads, given.batching):
            service = services.enter_context(
                served("--threads", str(threads), *options.options, ENDOLINK_BATCHING=batching)
            )
            connections = [Connection(service.port, image) for _ in range(max(given.clients))]
            variant = Variant(f"{threads} thread(s), {batching}", service, connections)
            # Each says something at once: one that does not is taken for nobody's.
            for number in range(len(connections)):
                variant.ask(number)
            together(2, min(1.0, given.seconds), variant.ask)
            for clients in given.clients:
                name = f"service, {clients} clients"
                if len(given.threads) * len(given.batching) > 1:
                    name = f"{name}, {variant.name}"
                loads[name] = Load(clients, variant.ask, one if clients == 1 else every, variant)
        together(2, min(1.0, given.seconds), bare)
        for _ in range(_ROUNDS):
            for load in loads.values():
                load.take_turn(given.seconds / _ROUNDS)
    shown = table(
        f"{len(image) / 1000:.0f} KB frames of 1280 × 1024, {classifier.identity.precision} on "
        f"{classifier.identity.provider}, {cores} cores shared with the clients",
        (
            "",
            "p50 ms",
            "p99 ms",
            "frames/s",
            "of the bare road",
            "CPU ms a frame",
            "frames a run",
            "failed",
        ),
    )
    for name, load in loads.items():
        rows = np.concatenate(load.parts)
        p50, p99 = np.percentile(rows[:, 1], [50, 99])
        shown.add_row(
            name,
            f"{p50:.1f}",
            f"{p99:.1f}",
            f"{load.rate:.0f}",
            f"{load.rate / loads[load.base].rate:.2f}",
            f"{load.cpu / len(rows) * 1e3:.1f}" if load.variant else "",
            f"{load.judged / load.runs:.2f}" if load.runs else "",
            str(int((rows[:, 2] != 200).sum())),
        )
    Console(width=130).print(shown)


if __name__ == "__main__":
    main()
