"""`python -m benchmarks`: measure, and print what came of it as a table."""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import overhead


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--bundle", type=Path, help="an exported model; by default the bundled one", metavar="DIR"
    )
    parser.add_argument("--pairs", type=int, default=400, help="how often each road is walked")
    parser.add_argument("--threads", type=int, default=1, help="threads of one network run")
    options = parser.parse_args()

    measured = overhead.measure(options.bundle, pairs=options.pairs, threads=options.threads)
    table = Table(
        title=f"One client, one {measured.frame_bytes / 1000:.0f} KB frame of 1280 × 1024, "
        f"{measured.provider}, {options.threads} thread(s), {options.pairs} pairs",
        title_justify="left",
    )
    for column in ("", "p50 ms", "p99 ms", "p50 ratio", "p99 ratio", "p50 target"):
        table.add_column(column, justify="left" if not column else "right")
    bare, http = (np.percentile(times, [50, 99]) for times in (measured.bare, measured.http))
    table.add_row("bare road, Classifier.score", f"{bare[0]:.2f}", f"{bare[1]:.2f}", "1", "1", "")
    table.add_row(
        "service, POST /v1/frames",
        f"{http[0]:.2f}",
        f"{http[1]:.2f}",
        f"{measured.ratio:.3f}",
        f"{http[1] / bare[1]:.3f}",
        f"≤ {overhead.TARGET}",
    )
    Console(width=100).print(table)


main()
