import os
import threading
from pathlib import Path
from time import sleep

import pytest

from endolink.model.classifier import Classifier
from endolink.serving.batch_size import MARGIN, Batching, batch_size
from endolink.serving.models import Models


class Paced:
    """A network whose runs take what `seconds` says, one at a time or side by side."""

    def __init__(self, classifier: Classifier, *, first: float, more: float, one: bool) -> None:
        self.identity = classifier.identity
        self.ran: list[int] = []
        self.frugal = False
        self._first, self._more = first, more
        self._lock = threading.Lock() if one else None

    def rehearse(self, frames: int, *, frugal: bool = False) -> None:
        self.frugal = frugal
        self.ran.append(frames)
        seconds = self._first + (frames - 1) * self._more
        if self._lock is None:
            sleep(seconds)
        else:
            with self._lock:
                sleep(seconds)


@pytest.mark.parametrize(("one", "more", "size"), [(True, 0.0, 8), (True, 0.004, 1)])
def test_batches_are_made_where_they_are_measured_to_save(
    models: Models, *, one: bool, more: float, size: int
) -> None:
    # An accelerator that has one frame and eight done in the same time, and one that has not.
    network = Paced(models.get(), first=0.004, more=more, one=one)
    assert batch_size(network, "auto", workers=2, most=8) == size  # type: ignore[arg-type]
    assert {1, 2, 4, 8} <= set(network.ran)


def test_less_than_the_margin_is_not_worth_it(models: Models) -> None:
    network = Paced(models.get(), first=0.004, more=0.004 * (1 - MARGIN / 2), one=True)
    assert batch_size(network, "auto", workers=2, most=4) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("batching", "workers", "most", "size"),
    [("on", 2, 5, 5), ("on", 1, 5, 1), ("on", 2, 1, 1), ("off", 2, 8, 1), ("auto", 1, 8, 1)],
)
def test_what_is_said_needs_no_measuring(
    models: Models, batching: Batching, workers: int, most: int, size: int
) -> None:
    network = Paced(models.get(), first=0.0, more=0.0, one=True)
    given = batch_size(network, batching, workers=workers, most=most)  # type: ignore[arg-type]
    assert given == size
    # No frame is the first of its batch's size.
    assert network.ran == list(range(2, size + 1))


def test_the_real_network_can_be_measured_and_gives_back_what_that_took() -> None:
    classifier = Classifier.open(threads=1, provider="cpu")
    before = resident_mb()
    assert batch_size(classifier, "auto", workers=2, most=16) in {1, 2, 4, 8, 16}
    after = resident_mb()
    # Two runs of 16 side by side take some 250 MB.
    classifier.rehearse(16)
    assert resident_mb() - after > after - before
    classifier.rehearse(1, frugal=True)
    assert resident_mb() - before < 50


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
