"""What `POST /v1/frames` adds to the bare road: one client, the same bytes, in turns."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.load import Connection
from benchmarks.options import Model, add_model, model, table
from benchmarks.process import service
from endolink.model.classifier import Classifier
from endolink.model.verdict import VERDICT_JSON

P50_TARGET, P99_TARGET = 1.12, 1.3
# A client that asks frame after frame is what is promised something; in a block of this length the
# processor's caches know either road as well as they do in earnest.
BLOCK = 20


@dataclass(frozen=True, eq=False)
class Overhead:
    """Times of the bare road and of the service, in milliseconds, in turns of `block` frames."""

    block: int
    bare: NDArray[np.float64]
    http: NDArray[np.float64]


def measure(chosen: Model, *, pairs: int, threads: int) -> tuple[str, list[Overhead]]:
    """Score one frame `pairs` times in this process and as often over loopback.

    The two take turns, so that both meet the same machine, however busy it is: of `BLOCK` frames,
    and then, half as often, of one frame, where each finds the caches full of the other's. The
    client is a plain socket on one kept connection; the service is a process of its own.

    Gives what was measured, in words, and the times.
    """
    image = ordinary_frame()
    classifier = Classifier.open(chosen.bundle, threads=threads, precision=chosen.precision)
    with service("--threads", str(threads), *chosen.options) as port:
        connection = Connection(port, image)

        def over_http() -> None:
            if (status := connection.ask()) != 200:
                raise RuntimeError(f"the service answered {status}")

        def bare() -> None:
            # What both have to show for it is the verdict as JSON.
            (verdict,) = classifier.score([image])
            VERDICT_JSON.dump_json(verdict)

        _in_turns(bare, over_http, BLOCK, BLOCK)
        measured = [
            Overhead(block, *_in_turns(bare, over_http, block, count))
            for block, count in ((min(BLOCK, pairs), pairs), (1, -(-pairs // 2)))
        ]
        connection.close()
    identity = classifier.identity
    what = f"{len(image) / 1000:.0f} KB, {identity.precision} on {identity.provider}"
    return what, measured


def _in_turns(
    one: Callable[[], None], other: Callable[[], None], block: int, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(-(-count // block)):
        for work, took in zip((one, other), times, strict=True):
            for _ in range(block):
                start = perf_counter()
                work()
                took.append((perf_counter() - start) * 1e3)
    return np.array(times[0]), np.array(times[1])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    add_model(parser)
    parser.add_argument("--pairs", type=int, default=600, help="how often each road is walked")
    parser.add_argument("--threads", type=int, default=1, help="threads of one network run")
    options = parser.parse_args(arguments)
    what, measured = measure(model(options), pairs=options.pairs, threads=options.threads)
    shown = table(
        f"One client, one frame of 1280 × 1024, {what}, {options.threads} thread(s)",
        ("", "in turns of", "p50 ms", "p99 ms", "more, p50 ms", "p50 ratio", "p99 ratio"),
    )
    for one in measured:
        bare, http = (np.percentile(times, [50, 99]) for times in (one.bare, one.http))
        block = str(one.block)
        shown.add_row(
            "bare road, Classifier.score", block, f"{bare[0]:.2f}", f"{bare[1]:.2f}", "", "1", "1"
        )
        shown.add_row(
            "service, POST /v1/frames",
            block,
            f"{http[0]:.2f}",
            f"{http[1]:.2f}",
            f"{http[0] - bare[0]:.2f}",
            f"{http[0] / bare[0]:.3f}",
            f"{http[1] / bare[1]:.3f}",
        )
    shown.add_row("target", str(BLOCK), "", "", "", f"≤ {P50_TARGET}", f"≤ {P99_TARGET}")
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
