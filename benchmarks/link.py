"""The age of a verdict over emulated 5G links, with and without what this project does about it.

python -m benchmarks.link --profiles midband loaded --seconds 60
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.camera import MODES, Mode, Shot
from benchmarks.emulator import (
    CLIENT,
    PROFILES,
    SERVER,
    SERVER_ADDRESS,
    Profile,
    emulated,
    inside,
    missing,
)
from benchmarks.options import Model, add_model, model

FRESH_MS = 150.0
_STARTING_S = 30.0


@dataclass(frozen=True)
class Freshness:
    """What became of the captured frames; shares count all of them, answered or not."""

    captured: int
    answered: float
    p50_ms: float
    p95_ms: float
    fresh: float
    recovery_ms: float | None

    @classmethod
    def of(cls, shots: Sequence[Shot], outage_ends_s: Sequence[float]) -> "Freshness":
        ages = np.array([shot.age_ms for shot in shots if shot.age_ms is not None])
        p50, p95 = np.percentile(ages, [50, 95]) if ages.size else (np.nan, np.nan)
        recoveries = [_recovery_ms(shots, end) for end in outage_ends_s]
        known = [recovery for recovery in recoveries if recovery is not None]
        return cls(
            len(shots),
            ages.size / len(shots),
            float(p50),
            float(p95),
            float(np.sum(ages < FRESH_MS)) / len(shots),
            max(known) if known else None,
        )


def _recovery_ms(shots: Sequence[Shot], end_s: float) -> float | None:
    """Say how long after an outage's end the first fresh verdict came; None after the film."""
    for shot in shots:
        if shot.age_ms is not None and shot.age_ms < FRESH_MS:
            came_s = shot.captured_s + shot.age_ms / 1000
            if came_s >= end_s:
                return (came_s - end_s) * 1000
    return None


def measure(profile: str, mode: Mode, seconds: float, chosen: Model) -> Freshness:
    """Film for `seconds` over one link."""
    link = PROFILES[profile]
    with emulated(profile, seconds + 2 * _STARTING_S) as begin_s, _service(chosen) as url:
        camera = [sys.executable, "-m", "benchmarks.camera", url, "--mode", mode]
        command = inside(CLIENT, *camera, "--seconds", str(seconds))
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    shots = [Shot(at, age) for at, age in json.loads(done.stdout)]
    return Freshness.of(shots, list(_outages(link, begin_s, shots)))


def _outages(link: Profile, begin_s: float, shots: Sequence[Shot]) -> Iterator[float]:
    """Give the end of each outage within the film, but for its last second."""
    number = 1
    while link.outage_every_s:
        end = begin_s + number * link.outage_every_s + link.outage_ms / 1000
        number += 1
        if end > shots[-1].captured_s - 1:
            return
        if end > shots[0].captured_s:
            yield end


@contextmanager
def _service(chosen: Model) -> Iterator[str]:
    """Run the service on the far side of the link, and give its address."""
    bundle = [str(chosen.bundle)] if chosen.bundle else []
    what = [SERVER_ADDRESS, chosen.precision, *bundle]
    program = [sys.executable, "-m", "benchmarks.unguarded", *what]
    command = inside(SERVER, *program)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
        if address is None:
            raise RuntimeError("the service did not come up")
        yield address[0]
    finally:
        process.terminate()
        process.wait(30)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.link", description=__doc__)
    parser.add_argument("--profiles", nargs="+", choices=PROFILES, default=list(PROFILES))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--seconds", type=float, default=65.0)
    add_model(parser)
    options = parser.parse_args(arguments)
    if lacks := missing():
        print(f"left out: {lacks}")
        return
    table = Table(title=f"Age of a verdict, 25 frames a second, {options.seconds:.0f} s each")
    for column in ("link", "client", "p50 ms", "p95 ms", "< 150 ms", "answered", "recovery ms"):
        table.add_column(column, justify="left" if column in {"link", "client"} else "right")
    for profile in options.profiles:
        for mode in options.modes:
            got = measure(profile, mode, options.seconds, model(options))
            table.add_row(
                profile,
                MODES[mode],
                f"{got.p50_ms:.0f}",
                f"{got.p95_ms:.0f}",
                f"{got.fresh:.1%}",
                f"{got.answered:.1%}",
                "" if got.recovery_ms is None else f"{got.recovery_ms:.0f}",
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
