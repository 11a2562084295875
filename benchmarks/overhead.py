"""What `POST /v1/frames` adds to the bare road: one client, the same bytes, turn by turn."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.frame import ordinary_frame
from benchmarks.options import table
from benchmarks.process import service
from endolink.model.classifier import Classifier
from endolink.model.verdict import VERDICT_JSON

P50_TARGET, P99_TARGET = 1.12, 1.3


@dataclass(frozen=True, eq=False)
class Overhead:
    """Times of the bare road and of the service, in milliseconds, pair by pair."""

    frame_bytes: int
    provider: str
    bare: NDArray[np.float64]
    http: NDArray[np.float64]

    @property
    def ratio(self) -> float:
        """The service's median over the bare road's."""
        return float(np.median(self.http) / np.median(self.bare))


def measure(bundle: Path | None, *, pairs: int, threads: int, warm_up: int = 30) -> Overhead:
    """Score one frame `pairs` times in this process and as often over loopback, alternating.

    Alternating lets both meet the same machine, however busy it is. The client is the standard
    library's, on one kept connection; the service is a process of its own.
    """
    image = ordinary_frame()
    classifier = Classifier.open(bundle, threads=threads)
    options = ["--threads", str(threads), *(["--bundle", str(bundle)] if bundle else [])]
    with service(*options) as port:
        connection = HTTPConnection("127.0.0.1", port)

        def over_http() -> None:
            connection.request("POST", "/v1/frames", image, {"Content-Type": "image/jpeg"})
            answer = connection.getresponse()
            verdict = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the service answered {answer.status}: {verdict!r}")

        def bare() -> None:
            # What both have to show for it is the verdict as JSON.
            (verdict,) = classifier.score([image])
            VERDICT_JSON.dump_json(verdict)

        for _ in range(warm_up):
            bare()
            over_http()
        times = np.array([[_time(bare), _time(over_http)] for _ in range(pairs)])
        connection.close()
    return Overhead(len(image), classifier.identity.provider, times[:, 0], times[:, 1])


def _time(work: Callable[[], None]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1e3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument(
        "--bundle", type=Path, help="an exported model; by default the bundled one", metavar="DIR"
    )
    parser.add_argument("--pairs", type=int, default=400, help="how often each road is walked")
    parser.add_argument("--threads", type=int, default=1, help="threads of one network run")
    options = parser.parse_args(arguments)
    measured = measure(options.bundle, pairs=options.pairs, threads=options.threads)
    shown = table(
        f"One client, one {measured.frame_bytes / 1000:.0f} KB frame of 1280 × 1024, "
        f"{measured.provider}, {options.threads} thread(s), {options.pairs} pairs",
        ("", "p50 ms", "p99 ms", "p50 ratio", "p99 ratio"),
    )
    bare, http = (np.percentile(times, [50, 99]) for times in (measured.bare, measured.http))
    shown.add_row("bare road, Classifier.score", f"{bare[0]:.2f}", f"{bare[1]:.2f}", "1", "1")
    shown.add_row(
        "service, POST /v1/frames",
        f"{http[0]:.2f}",
        f"{http[1]:.2f}",
        f"{measured.ratio:.3f}",
        f"{http[1] / bare[1]:.3f}",
    )
    shown.add_row("target", "", "", f"≤ {P50_TARGET}", f"≤ {P99_TARGET}")
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
