"""Scoring what is stored: engines read and judge, the ledger keeps the answers in their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from endolink.model.classifier import Classifier, Explain
from endolink.model.errors import EndoLinkError
from endolink.model.verdict import Verdict
from endolink.serving.archive.ledger import Ledger, Outcome
from endolink.serving.archive.picture import Picture, Reading, Unread
from endolink.serving.archive.sources import Stored
from endolink.serving.archive.steps import (
    Ended,
    Judged,
    Left,
    Step,
    judge,
    judge_picture,
    read_thing,
)
from endolink.serving.archive.study import Failure

T = TypeVar("T")
R = TypeVar("R")

# Pictures in hand for each thread: one at work, and enough more that a slow one holds nobody up.
_IN_HAND: Final = 4


@dataclass(frozen=True, eq=False)
class Scored:
    """One stored picture and what came of it: its verdict, or the error that says why not."""

    picture: Picture | Unread
    outcome: Verdict | EndoLinkError


def score_pictures(
    pictures: Iterable[Picture | Unread],
    classifier: Classifier,
    *,
    workers: int,
    explain: Explain = "none",
) -> Iterator[Scored]:
    """Score each picture on its own, in order; at most a few a worker are in memory."""

    def score(picture: Picture | Unread) -> Scored:
        try:
            if isinstance(picture, Unread):
                raise picture.error
            _, verdict = judge(picture, picture.load(), classifier, explain)
        except EndoLinkError as error:
            return Scored(picture, error)
        return Scored(picture, verdict)

    return in_order(score, pictures, workers)


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Do `work` on a few threads and give the results in the order of `items`, lazily."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="score")
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= workers * _IN_HAND:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class Engine(Protocol):
    """Whatever reads and judges: this process, or a cluster."""

    def steps(self, ledger: Ledger, things: Iterable[Stored], reading: Reading) -> Iterator[Step]:
        """Give the steps of scoring `things`, in their order, lazily.

        What the ledger knows is not judged again. The ledger is told when a thing is begun; the
        rest is for the caller to write down. Raises EndoLinkError where nothing can go on.
        """
        ...


@dataclass(frozen=True)
class LocalEngine:
    """Reads and judges on a few threads of this process."""

    classifier: Classifier
    workers: int = 1
    explain: Explain = "none"

    def steps(self, ledger: Ledger, things: Iterable[Stored], reading: Reading) -> Iterator[Step]:
        """Give the steps as `Engine.steps` does; at most a few pictures a thread are in memory."""

        def work(item: Picture | Unread | Ended | Left) -> Step:
            if not isinstance(item, Picture):
                return item
            return judge_picture(item, ledger.known, self.classifier, self.explain)

        return in_order(work, _read(ledger, things, reading), self.workers)


def _read(
    ledger: Ledger, things: Iterable[Stored], reading: Reading
) -> Iterator[Picture | Unread | Ended | Left]:
    scope: str | None = None
    for stored in things:
        if scope not in {None, stored.scope}:
            yield Left()
        scope = stored.scope
        place = stored.place
        yield from read_thing(stored, reading, lambda digest, at=place: ledger.begin(at, digest))  # type: ignore[misc]


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    `things` are done of what was found, `passed` of them without opening them again, and `within`,
    from 0 to 1, of the one that is in hand; the others are pictures, by what came of them.
    """

    things: int = 0
    passed: int = 0
    scored: int = 0
    known: int = 0
    failed: int = 0
    within: float = 0.0

    def plus(self, **more: int) -> "Progress":
        """Count on."""
        return replace(self, **{name: getattr(self, name) + n for name, n in more.items()})

    def at(self, share: float | None) -> "Progress":
        """Be so far into the thing that is in hand."""
        return replace(self, within=share or 0.0)


def score_into(
    ledger: Ledger, steps: Iterable[Step], *, left: Callable[[], None] = lambda: None
) -> Iterator[Progress]:
    """Write an engine's steps into the ledger; yield after each.

    `left` is called whenever the walk has left a folder, with everything in it written down.
    """
    done = Progress()
    for step in steps:
        match step:
            case Left():
                left()
            case Ended():
                if step.digest is not None:
                    ledger.end(step.place)
                done = done.plus(things=1, passed=step.passed).at(None)
            case Unread():
                ledger.record_failure(step, Failure(step.error.code, step.error.detail))
                done = done.plus(failed=1)
            case Judged():
                ledger.record(step.picture, step.content, step.outcome)
                done = _count(done, step.outcome).at(step.picture.share)
        yield done
    left()


def _count(done: Progress, outcome: Outcome | None) -> Progress:
    if outcome is None:
        return done.plus(known=1)
    if isinstance(outcome.verdict, Failure):
        return done.plus(failed=1)
    return done.plus(scored=1)
