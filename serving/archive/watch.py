"""Following folders: what arrives is scored as soon as it has stopped growing."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.ledger import Ledger
from endolink.serving.archive.scoring import Progress
from endolink.serving.archive.sources import find
from endolink.serving.archive.sources.files import find_files

Stamp = tuple[int, int]


class Arrivals:
    """Tells files that have stopped growing from those that are still being written.

    A file has arrived when its size and time have not changed for `still_s` seconds of `clock`; it
    is due once, and again whenever it has changed.
    """

    def __init__(self, still_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not still_s >= 0:
            raise ValueError("still_s must be at least 0")
        self._still_s = still_s
        self._clock = clock
        self._seen: dict[Path, tuple[Stamp, float]] = {}
        self._given: dict[Path, Stamp] = {}

    def due(self, folders: list[Path]) -> list[Path]:
        """Give the files below `folders` that have arrived and were not given yet, in order."""
        now = self._clock()
        paths = [path for path in find_files(folders) if self._is_due(path, now)]
        for path in paths:
            self._given[path] = self._seen.pop(path)[0]
        return paths

    def _is_due(self, path: Path, now: float) -> bool:
        try:
            status = path.stat()
        except OSError:  # gone again, or a link to nowhere: a run over the folder tells it
            return False
        stamp = (status.st_size, status.st_mtime_ns)
        if self._given.get(path) == stamp:
            return False
        if self._seen.get(path, (None, 0.0))[0] != stamp:
            self._seen[path] = (stamp, now)
        return now - self._seen[path][1] >= self._still_s


def follow(
    job: Job,
    ledger: Ledger,
    folders: list[Path],
    *,
    arrivals: Arrivals,
    unwritten: Unwritten,
    pause: Callable[[], bool],
) -> Iterator[Progress]:
    """Score what arrives in `folders`, until `pause`, which waits a while, says that it is enough.

    One `Progress` comes for each time that something has arrived, with what came of it. What the
    ledger knows from an earlier run is passed over.
    """
    enough = False
    while not enough:
        if paths := arrivals.due(folders):
            done = Progress()
            for step in run(job, ledger, find(map(str, paths)), unwritten):
                done = step
            yield done
        enough = pause()
