"""What `POST /v1/frames` adds to the bare road: one client, the same bytes, turn by turn."""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import ordinary_frame
from benchmarks.process import service
from endolink.model.classifier import Classifier
from endolink.model.verdict import VERDICT_JSON

TARGET = 1.25


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
