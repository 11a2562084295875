"""`python -m benchmarks.overload`: four times what can be judged; what is admitted stays fast."""

from itertools import count
from threading import Lock
from time import perf_counter, sleep

import numpy as np
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection, together
from benchmarks.options import parse, table
from benchmarks.process import served

TIMES = 4
# Enough to keep the rate while the admitted wait for their answers.
_CLIENTS = 64


def main() -> None:
    options = parse(__doc__, seconds=10.0)
    image = ordinary_frame()
    shown = table(
        f"{TIMES} × capacity, {len(image) / 1000:.0f} KB frames",
        ("", "asked/s", "judged/s", "p50 ms", "p99 ms", "p99 ratio", "refusal p50, p99 ms", "MB"),
    )
    with served("--threads", "1", *options.bundle_option) as service:

        def connections(query: str, number: int) -> list[Connection]:
            return [Connection(service.port, image, query) for _ in range(number)]

        one = connections("", 16)
        together(16, 2.0, lambda number: one[number].ask())
        calm = together(1, options.seconds, lambda number: one[number].ask())
        full = together(16, options.seconds, lambda number: one[number].ask())
        capacity = len(full) / full[-1, 0]
        unloaded = float(np.percentile(calm[:, 1], 99))
        shown.add_row(
            "unloaded",
            f"{len(calm) / calm[-1, 0]:.0f}",
            f"{len(calm) / calm[-1, 0]:.0f}",
            f"{np.median(calm[:, 1]):.1f}",
            f"{unloaded:.1f}",
            "1",
            "",
            f"{service.memory_mb():.0f}",
        )
        for name, query in (
            ("overload", ""),
            ("overload, with deadlines", f"?deadline_ms={unloaded:.1f}"),
        ):
            many, lock, turns = connections(query, _CLIENTS), Lock(), count()
            start = perf_counter()

            def ask(number: int) -> int:
                with lock:  # noqa: B023
                    due = start + next(turns) / (TIMES * capacity)  # noqa: B023
                sleep(max(0.0, due - perf_counter()))
                return many[number].ask()  # noqa: B023

            rows = together(_CLIENTS, options.seconds, ask)
            judged, refused = rows[rows[:, 2] == 200, 1], rows[rows[:, 2] != 200, 1]
            p50, p99 = np.percentile(judged, [50, 99])
            late = np.percentile(refused, [50, 99]) if len(refused) else (0.0, 0.0)
            shown.add_row(
                name,
                f"{len(rows) / options.seconds:.0f}",
                f"{len(judged) / options.seconds:.0f}",
                f"{p50:.1f}",
                f"{p99:.1f}",
                f"{p99 / unloaded:.1f}",
                f"{late[0]:.1f}, {late[1]:.1f}",
                f"{service.memory_mb():.0f}",
            )
            for connection in many:
                connection.close()
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
