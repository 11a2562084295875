"""Following folders and a PACS: what arrives is scored as soon as it is whole."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from endolink.model.errors import PacsError
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.ledger import Ledger
from endolink.serving.archive.scoring import Progress
from endolink.serving.archive.sources import find
from endolink.serving.archive.sources.dicomweb import find_in_pacs, is_address
from endolink.serving.archive.sources.files import find_files

Stamp = tuple[int, int]


class Arrivals:
    """Tells what has arrived from what is still on its way, and from what was given before.

    A file has arrived when its size and time have not changed for `still_s` seconds of `clock`; it
    is due once, and again whenever it has changed. A PACS's object has arrived when the PACS tells
    of it, and is due once.
    """

    def __init__(self, still_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not still_s >= 0:
            raise ValueError("still_s must be at least 0")
        self._still_s = still_s
        self._clock = clock
        self._seen: dict[Path, tuple[Stamp, float]] = {}
        self._given: dict[Path, Stamp] = {}
        self._objects: set[str] = set()

    def due(self, folders: list[Path]) -> list[Path]:
        """Give the files below `folders` that have arrived and were not given yet, in order."""
        now = self._clock()
        paths = [path for path in find_files(folders) if self._is_due(path, now)]
        for path in paths:
            self._given[path] = self._seen.pop(path)[0]
        return paths

    def due_objects(self, query: str, known: Callable[[str], bool]) -> list[str]:
        """Give the addresses of a PACS's objects that match and were not given yet, nor `known`.

        Raises PacsError; what was found before it is given the next time.
        """
        fresh = [at for at in find_in_pacs(query) if at not in self._objects]
        self._objects.update(fresh)
        return [at for at in fresh if not known(at)]

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
    places: list[str],
    *,
    arrivals: Arrivals,
    unwritten: Unwritten,
    pause: Callable[[], bool],
    say: Callable[[str], object] = lambda _: None,
) -> Iterator[Progress]:
    """Score what arrives in `places`, until `pause`, which waits a while, says that it is enough.

    Places are folders, and queries to a PACS. One `Progress` comes for each time that something has
    arrived, with what came of it. What the ledger knows from an earlier run is passed over. `say`
    is told, once for each outage, of a PACS that does not answer.
    """
    folders = [Path(place) for place in places if not is_address(place)]
    silent: set[str] = set()
    enough = False
    while not enough:
        due = [str(path) for path in arrivals.due(folders)]
        for query in filter(is_address, places):
            try:
                due += arrivals.due_objects(query, lambda at: ledger.digest(at) is not None)
            except PacsError as error:
                if query not in silent:
                    say(f"{error.code}: {error.detail} It will be asked again.")
                silent.add(query)
            else:
                silent.discard(query)
        if due:
            done = Progress()
            for step in run(job, ledger, find(due), unwritten):
                done = step
            yield done
        enough = pause()
