"""Four times what can be judged is asked for: what is let in stays fast, the rest hears at once."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console

from benchmarks.flood import flood
from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection, together
from benchmarks.options import parse, table
from benchmarks.process import served

TIMES = 4


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(__doc__, arguments, seconds=10.0)
    image = ordinary_frame()
    shown = table(
        f"{TIMES} × capacity, {len(image) / 1000:.0f} KB frames",
        ("", "asked/s", "judged/s", "p50 ms", "p99 ms", "p99 ratio", "refused p50, p99 ms", "MB"),
    )
    with served("--threads", "1", *options.model.options) as service:
        clients = [Connection(service.port, image) for _ in range(16)]
        together(16, min(2.0, options.seconds), lambda number: clients[number].ask())
        calm = together(1, options.seconds, lambda number: clients[number].ask())
        full = together(16, options.seconds, lambda number: clients[number].ask())
        for client in clients:
            client.close()
        capacity = len(full) / full[-1, 0]
        unloaded = float(np.percentile(calm[:, 1], 99))
        rate = f"{len(calm) / calm[-1, 0]:.0f}"
        memory = f"{service.memory_mb():.0f}"
        p50 = f"{np.median(calm[:, 1]):.1f}"
        shown.add_row("one client", rate, rate, p50, f"{unloaded:.1f}", "1", "", memory)
        rows = flood(service.port, TIMES * capacity, options.seconds)
        judged, refused = rows[rows[:, 1] == 200, 0], rows[rows[:, 1] == 503, 0]
        middle, last = np.percentile(judged, [50, 99]) if len(judged) else (np.nan, np.nan)
        told = np.percentile(refused, [50, 99]) if len(refused) else (np.nan, np.nan)
        shown.add_row(
            f"{TIMES} × capacity",
            f"{len(rows) / options.seconds:.0f}",
            f"{len(judged) / options.seconds:.0f}",
            f"{middle:.1f}",
            f"{last:.1f}",
            f"{last / unloaded:.2f}",
            f"{told[0]:.1f}, {told[1]:.1f}",
            f"{service.memory_mb():.0f}",
        )
        shown.add_row("target", "", "", "", "", "≤ 2", "< 5", "flat")
        failed = len(rows) - len(judged) - len(refused)
    Console(width=110).print(shown)
    if failed:
        raise SystemExit(f"{failed} requests were neither judged nor refused with 503")


if __name__ == "__main__":
    main()
