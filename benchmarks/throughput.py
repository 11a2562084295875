"""`python -m benchmarks.throughput`: 1, 4 and 16 clients against the bare road on every core."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection, together
from benchmarks.options import parse, table
from benchmarks.process import served
from endolink.model.classifier import Classifier
from endolink.model.runtime import available_cpus
from endolink.model.verdict import VERDICT_JSON

CLIENTS = (1, 4, 16)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(__doc__, arguments, seconds=20.0)
    image, cores = ordinary_frame(), available_cpus()
    classifier = Classifier.open(options.model.bundle, threads=1, precision=options.model.precision)

    def bare(_: int) -> int:
        (verdict,) = classifier.score([image])
        VERDICT_JSON.dump_json(verdict)
        return 200

    roads: dict[str, list[np.ndarray]] = {}
    spent: dict[str, float] = {}
    with served("--threads", "1", *options.model.options) as service:
        connections = [Connection(service.port, image) for _ in range(max(CLIENTS))]

        def ask(number: int) -> int:
            return connections[number].ask()

        # Each says something at once: one that does not is taken for nobody's.
        for number in range(len(connections)):
            ask(number)
        for warm in (bare, ask):
            together(2, min(1.0, options.seconds), warm)
        # In turns, so that all meet the same machine.
        rounds = 4
        for _ in range(rounds):
            for name, workers, work in (
                ("bare road, 1 thread", 1, bare),
                (f"bare road, {cores} threads", cores, bare),
                *((f"service, {n} clients", n, ask) for n in CLIENTS),
            ):
                before, cpu = perf_counter(), service.cpu_seconds()
                rows = together(workers, options.seconds / rounds, work)
                rows[:, 0] = perf_counter() - before
                roads.setdefault(name, []).append(rows)
                spent[name] = spent.get(name, 0.0) + service.cpu_seconds() - cpu
        for connection in connections:
            connection.close()
    shown = table(
        f"{len(image) / 1000:.0f} KB frames of 1280 × 1024, {classifier.identity.provider}, "
        f"{cores} cores shared with the clients",
        ("", "p50 ms", "p99 ms", "frames/s", "of the bare road", "CPU ms a frame", "failed"),
    )
    rates = {
        name: sum(map(len, parts)) / sum(part[0, 0] for part in parts)
        for name, parts in roads.items()
    }
    for name, parts in roads.items():
        rows = np.concatenate(parts)
        p50, p99 = np.percentile(rows[:, 1], [50, 99])
        base = f"bare road, {1 if '1 ' in name and '16' not in name else cores} "
        rate = next(rates[other] for other in rates if other.startswith(base))
        cpu_ms = f"{spent[name] / len(rows) * 1e3:.1f}" if name.startswith("service") else ""
        failed = int((rows[:, 2] != 200).sum())
        shown.add_row(
            name,
            f"{p50:.1f}",
            f"{p99:.1f}",
            f"{rates[name]:.0f}",
            f"{rates[name] / rate:.2f}",
            cpu_ms,
            str(failed),
        )
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
