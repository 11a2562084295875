"""How many live streams one service keeps fresh: 25 frames a second each, of 320 pixels.

python -m benchmarks.streams --streams 4 8 12 16
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.camera import SMALL, Shot, film, in_loop, pictures
from benchmarks.options import add_model, model
from benchmarks.process import served

TARGET_MS = 100.0


@dataclass(frozen=True)
class Crowd:
    """What `streams` sessions at a time got; shares count captured frames."""

    streams: int
    p50_ms: float
    p95_ms: float
    answered: float
    judged: int

    @property
    def holds(self) -> bool:
        """Whether it met the target: answered nearly all of them, and in time."""
        return self.p95_ms < TARGET_MS and self.answered >= 0.95


async def crowd(url: str, streams: int, seconds: float) -> Crowd:
    """Film with `streams` cameras at once, spread over a frame's time as real ones are."""
    seen = pictures("fixed")

    async def one(number: int) -> list[Shot]:
        await asyncio.sleep(0.04 * number / streams)
        return await film(url, seen, seconds, adapt=False, hedge=False)

    shots = [shot for film in await asyncio.gather(*map(one, range(streams))) for shot in film]
    ages = np.array([shot.age_ms for shot in shots if shot.age_ms is not None])
    p50, p95 = np.percentile(ages, [50, 95]) if ages.size else (np.nan, np.nan)
    return Crowd(streams, float(p50), float(p95), ages.size / len(shots), ages.size)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[4, 8, 12, 16])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, help="of one network run", metavar="N")
    add_model(parser)
    options = parser.parse_args(arguments)
    table = Table(title=f"25 frames a second, {SMALL[0]} × {SMALL[1]}; the clients share the cores")
    for column in ("streams", "p50 ms", "p95 ms", "answered", "p95 < 100 ms", "CPU ms a frame"):
        table.add_column(column, justify="right")
    threads = ("--threads", str(options.threads)) if options.threads else ()
    with served(*threads, *model(options).options) as running:
        for streams in options.streams:
            before = running.cpu_seconds()
            got = in_loop(crowd(f"http://127.0.0.1:{running.port}", streams, options.seconds))
            table.add_row(
                str(got.streams),
                f"{got.p50_ms:.0f}",
                f"{got.p95_ms:.0f}",
                f"{got.answered:.1%}",
                "yes" if got.holds else "no",
                f"{(running.cpu_seconds() - before) / max(got.judged, 1) * 1e3:.1f}",
            )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
