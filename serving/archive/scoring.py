"""The road for what is stored: read, decode and judge on a few threads, answers in their order."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from endolink.model.classifier import Classifier, Explain, Prepared
from endolink.model.errors import (
    EndoLinkError,
    ExtraMissing,
    SourceMissing,
    SourceUnreadable,
)
from endolink.model.frame import Frame
from endolink.model.similarity import describe
from endolink.model.verdict import Verdict
from endolink.serving.archive.ledger import Ledger, Outcome
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources import Stored
from endolink.serving.archive.study import Failure, worth_showing

T = TypeVar("T")
R = TypeVar("R")

# Pictures in hand for each thread: one at work, and enough more that a slow one holds nobody up.
_IN_HAND: Final = 4
# What may go better another time, though the file is the same.
_MAY_PASS: Final = (ExtraMissing, SourceMissing, SourceUnreadable)


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


def judge(
    picture: Picture, image: bytes | Frame, classifier: Classifier, explain: Explain
) -> tuple[Prepared, Verdict]:
    """Walk the one road with a picture; raises FrameError."""
    prepared = classifier.prepare(image, declared=picture.declared)
    # Alone in its batch, a frame's numbers never depend on its neighbours': a run that was
    # interrupted gives the same as one that was not.
    (verdict,) = classifier.judge([prepared], explain=explain)
    return prepared, verdict


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


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    `things` are done of what was found, `passed` of them without opening them again; the others
    are pictures, by what came of them.
    """

    things: int = 0
    passed: int = 0
    scored: int = 0
    known: int = 0
    failed: int = 0

    def plus(self, **more: int) -> "Progress":
        """Count on."""
        return replace(self, **{name: getattr(self, name) + n for name, n in more.items()})


@dataclass(frozen=True, eq=False)
class _End:
    """A thing was read to its end; with a digest, it need not be read again."""

    stored: Stored
    digest: str | None
    passed: bool = False


class _Left:
    """The walk has left a folder."""


_Told = Unread | _End | _Left


@dataclass(frozen=True, eq=False)
class _Judged:
    picture: Picture
    content: str
    outcome: Outcome | None  # None where the ledger has it already


def score_into(
    ledger: Ledger,
    things: Iterable[Stored],
    classifier: Classifier,
    reading: Reading,
    *,
    workers: int,
    explain: Explain = "none",
    left: Callable[[], None] = lambda: None,
) -> Iterator[Progress]:
    """Score what the ledger does not know yet, and write it down there; yield after each picture.

    `left` is called whenever the walk has left a folder, with everything in it written down.
    """

    def work(item: Picture | _Told) -> _Judged | _Told:
        if not isinstance(item, Picture):
            return item
        try:
            image = item.load()
        except EndoLinkError as error:
            return Unread(item.locator, item.study, error, item.series, item.index)
        content = content_of(item, image)
        if ledger.known(content):
            return _Judged(item, content, None)
        return _Judged(item, content, outcome_of(item, image, classifier, explain))

    done = Progress()
    for result in in_order(work, _pictures(ledger, things, reading), workers):
        match result:
            case _Left():
                left()
            case _End():
                if result.digest is not None:
                    ledger.end(result.stored.place)
                done = done.plus(things=1, passed=result.passed)
            case Unread():
                ledger.record_failure(result, Failure(result.error.code, result.error.detail))
                done = done.plus(failed=1)
            case _Judged():
                ledger.record(result.picture, result.content, result.outcome)
                done = _count(done, result.outcome)
        yield done
    left()


def content_of(picture: Picture, image: bytes | Frame) -> str:
    """Name the picture's content: its digest, and what it is said to be, which may be a fault."""
    digest = picture.content
    if digest is None:
        digest = image.sha256 if isinstance(image, Frame) else hashlib.sha256(image).hexdigest()
    return f"{digest} {(picture.declared or '').lower()}"


def outcome_of(
    picture: Picture, image: bytes | Frame, classifier: Classifier, explain: Explain
) -> Outcome:
    """Judge a picture, and describe it where it may be worth showing."""
    try:
        prepared, verdict = judge(picture, image, classifier, explain)
    except EndoLinkError as error:
        return Outcome(Failure(error.code, error.detail))
    if not any(worth_showing(finding) for finding in verdict.findings):
        return Outcome(verdict)
    return Outcome(verdict, describe(prepared.frame, prepared.view))


def _pictures(
    ledger: Ledger, things: Iterable[Stored], reading: Reading
) -> Iterator[Picture | _Told]:
    scope: str | None = None
    for stored in things:
        if scope not in {None, stored.scope}:
            yield _Left()
        scope = stored.scope
        try:
            digest = stored.source.digest(stored.place)
        except EndoLinkError as error:
            yield Unread(Locator(stored.place), stored.place, error)
            yield _End(stored, None)
            continue
        ended = digest
        due = digest is None or ledger.begin(stored.place, digest)
        if due:
            for item in stored.pictures(reading, digest):
                if isinstance(item, Unread) and isinstance(item.error, _MAY_PASS):
                    ended = None
                yield item
        yield _End(stored, ended, passed=not due)


def _count(done: Progress, outcome: Outcome | None) -> Progress:
    if outcome is None:
        return done.plus(known=1)
    if isinstance(outcome.verdict, Failure):
        return done.plus(failed=1)
    return done.plus(scored=1)
