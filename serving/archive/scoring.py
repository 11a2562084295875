"""Score files: read, decode and judge on a few threads, answers in the order of the files."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from endolink.model.classifier import Classifier, Explain
from endolink.model.errors import EndoLinkError
from endolink.model.verdict import Verdict
from endolink.serving.archive.sources.files import read_file

# Files in hand for each thread: one at work, and enough more that a slow one holds nobody up.
_IN_HAND = 4


@dataclass(frozen=True)
class Scored:
    """One file and what came of it: its verdict, or the error that says why there is none."""

    path: Path
    outcome: Verdict | EndoLinkError


def score_files(
    paths: Iterable[Path],
    classifier: Classifier,
    *,
    workers: int,
    explain: Explain = "none",
) -> Iterator[Scored]:
    """Score each of `paths` on its own, in order; at most a few files a worker are in memory."""

    def score(path: Path) -> Scored:
        try:
            image = read_file(path, classifier.limits.max_bytes)
            prepared = classifier.prepare(image, declared=path.suffix or None)
            (verdict,) = classifier.judge([prepared], explain=explain)
        except EndoLinkError as error:
            return Scored(path, error)
        return Scored(path, verdict)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="score")
    pending: deque[Future[Scored]] = deque()
    try:
        for path in paths:
            pending.append(pool.submit(score, path))
            if len(pending) >= workers * _IN_HAND:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
