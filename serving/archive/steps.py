"""The steps of a run: what is told, one after the other, of stored things and of their pictures.

An engine makes them, wherever it reads and judges; the ledger writes them down in their order.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endolink.model.classifier import Classifier, Explain, Prepared
from endolink.model.errors import (
    EndoLinkError,
    ExtraMissing,
    PacsError,
    SourceMissing,
    SourceUnreadable,
)
from endolink.model.frame import Frame
from endolink.model.similarity import Glance
from endolink.model.verdict import Verdict
from endolink.serving.archive.ledger import Outcome
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources import Stored
from endolink.serving.archive.study import Failure, worth_showing

# What may go better another time, though the file is the same.
_MAY_PASS: Final = (ExtraMissing, PacsError, SourceMissing, SourceUnreadable)


@dataclass(frozen=True, eq=False)
class Judged:
    """A picture that was read, the name of its content, and what came of it.

    `outcome` is None where the ledger has it already.
    """

    picture: Picture
    content: str
    outcome: Outcome | None


@dataclass(frozen=True, eq=False)
class Ended:
    """A thing was read to its end; with a digest, it need not be read again.

    `passed` says that it was not, since nothing of it was due.
    """

    place: str
    digest: str | None
    passed: bool = False


class Left:
    """The walk has left a folder."""


Step = Judged | Unread | Ended | Left


def read_thing(
    stored: Stored, reading: Reading, begin: Callable[[str], bool]
) -> Iterator[Picture | Unread | Ended]:
    """Give the pictures of one stored thing, and its end.

    `begin` is told the thing's digest, where it has one, and says whether it is to be read.
    """
    try:
        digest = stored.source.digest(stored.place)
    except EndoLinkError as error:
        yield Unread(Locator(stored.place), stored.place, error)
        yield Ended(stored.place, None)
        return
    ended = digest
    due = digest is None or begin(digest)
    if due:
        for item in stored.pictures(reading, digest):
            if isinstance(item, Unread) and isinstance(item.error, _MAY_PASS):
                ended = None
            yield item
    yield Ended(stored.place, ended, passed=not due)


def judge_pictures(
    pictures: Sequence[Picture],
    known: Callable[[str], bool],
    classifier: Classifier,
    explain: Explain,
    reading: Reading,
) -> list[Judged | Unread]:
    """Read pictures and judge each by itself, unless its content is `known`.

    Those that lie in time, and those that may be worth showing, are described, all at once.
    """
    seen = [_judge_picture(picture, known, classifier, explain, reading) for picture in pictures]
    glances = [glance for _, glance in seen if glance is not None]
    looks = iter(classifier.describe(glances))
    return [
        step if glance is None or isinstance(step, Unread) else _described(step, next(looks))
        for step, glance in seen
    ]


def _judge_picture(
    picture: Picture,
    known: Callable[[str], bool],
    classifier: Classifier,
    explain: Explain,
    reading: Reading,
) -> tuple[Judged | Unread, Glance | None]:
    try:
        image = picture.load()
    except EndoLinkError as error:
        unread = Unread(picture.locator, picture.study, error, picture.series, picture.index)
        return unread, None
    content = content_of(picture, image)
    if known(content):
        return Judged(picture, content, None), None
    try:
        prepared, verdict = judge(picture, image, classifier, explain)
    except EndoLinkError as error:
        return Judged(picture, content, Outcome(Failure(error.code, error.detail))), None
    shown = reading.has_time(picture) or any(map(worth_showing, verdict.findings))
    glance = Glance.of_square(prepared.square, prepared.view) if shown else None
    return Judged(picture, content, Outcome(verdict)), glance


def _described(judged: Judged, look: NDArray[np.float32]) -> Judged:
    assert judged.outcome is not None
    return replace(judged, outcome=replace(judged.outcome, descriptor=look))


def content_of(picture: Picture, image: bytes | Frame) -> str:
    """Name the picture's content: its digest, and what it is said to be, which may be a fault."""
    digest = picture.content
    if digest is None:
        digest = image.sha256 if isinstance(image, Frame) else hashlib.sha256(image).hexdigest()
    return f"{digest} {(picture.declared or '').lower()}"


def judge(
    picture: Picture, image: bytes | Frame, classifier: Classifier, explain: Explain
) -> tuple[Prepared, Verdict]:
    """Walk the one road with a picture; raises FrameError."""
    prepared = classifier.prepare(image, declared=picture.declared)
    # Alone in its batch, a frame's numbers never depend on its neighbours': a run that was
    # interrupted gives the same as one that was not.
    (verdict,) = classifier.judge([prepared], explain=explain)
    return prepared, verdict
