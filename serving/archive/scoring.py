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
    judge_pictures,
    read_thing,
)
from endolink.serving.archive.study import Failure

T = TypeVar("T")
R = TypeVar("R")

# Handfuls for each thread: one at work, and enough more that a slow one holds nobody up.
_IN_HAND: Final = 4
# A handful is one picture; or as many as this, where they are still on the disk or hold no more
# than so many bytes: whenever a thread is told of something the others stand still for a moment.
_TOGETHER: Final = 8
_HELD_TOGETHER: Final = 2**20
_TOLD_TOGETHER: Final = 100  # ends, folders left, and what cannot be read


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

    def work_one(handful: list[T]) -> list[R]:
        return [work(item) for item in handful]

    return by_handfuls(work_one, items, workers, weigh=lambda _: 1.0)


def by_handfuls(
    work: Callable[[list[T]], list[R]],
    items: Iterable[T],
    workers: int,
    *,
    weigh: Callable[[T], float],
) -> Iterator[R]:
    """Do `work` on a few threads, a handful of items at once, and give the results as `in_order`.

    A handful is as many items as together weigh 1, or one that weighs more; `work` gives as many
    results.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="score")
    pending: deque[Future[list[R]]] = deque()
    try:
        for handful in _handfuls(items, weigh):
            pending.append(pool.submit(work, handful))
            if len(pending) >= workers * _IN_HAND:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _handfuls(items: Iterable[T], weigh: Callable[[T], float]) -> Iterator[list[T]]:
    handful: list[T] = []
    weight = 0.0
    for item in items:
        handful.append(item)
        weight += weigh(item)
        if weight >= 1:
            yield handful
            handful, weight = [], 0.0
    if handful:
        yield handful


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

        def work(handful: list[Picture | Unread | Ended | Left]) -> list[Step]:
            pictures = [item for item in handful if isinstance(item, Picture)]
            judged = iter(
                judge_pictures(pictures, ledger.known, self.classifier, self.explain, reading)
            )
            return [next(judged) if isinstance(item, Picture) else item for item in handful]

        return by_handfuls(work, _read(ledger, things, reading), self.workers, weigh=_weigh)


def _weigh(item: Picture | Unread | Ended | Left) -> float:
    if not isinstance(item, Picture):
        return 1 / _TOLD_TOGETHER
    return 1.0 if item.held is None else max(1 / _TOGETHER, item.held / _HELD_TOGETHER)


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
