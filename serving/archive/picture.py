"""A picture as it is stored: where it lies, which study it belongs to, how to get at it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from endolink.model.errors import EndoLinkError
from endolink.model.frame import Frame, Limits


@dataclass(frozen=True)
class Locator:
    """Where one picture lies, so that it can be read again.

    `place` is a file's path or a web address, `member` the name inside an archive, `number` the
    picture's number, from 0, in a file of several. It tells file names: it is written nowhere but
    in the ledger, and where identifiers were asked for.
    """

    place: str
    member: str | None = None
    number: int | None = None

    @property
    def file(self) -> "Locator":
        """The file, or the container's member, that the picture is in."""
        return Locator(self.place, self.member)

    def __str__(self) -> str:
        member = "" if self.member is None else f"!{self.member}"
        return f"{self.place}{member}" + ("" if self.number is None else f"#{self.number}")


def readable(locator: Locator) -> str:
    """Write a locator as text that any encoding takes: what is not UTF-8 in a name is escaped."""
    return os.fsencode(str(locator)).decode("utf-8", "backslashreplace")


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture that a source has found.

    Attributes
    ----------
    study
        What all pictures of one examination have in common: a folder's path, a video's, or
        `urn:oid:` and a DICOM StudyInstanceUID. It is private, as a locator is.
    series
        The part of the study whose pictures share one clock: a video, a DICOM series, or "".
    index
        The order within the series; where it is equal, the natural order of the locators decides.
    time_s
        Seconds since the series began, where that is known.
    load
        Reads the picture: its file's bytes, or a frame already decoded. Called once, from any
        thread; raises an EndoLinkError where there is nothing to be had.
    content
        A digest that stands for what `load` gives. None where `load` gives bytes: then it is
        theirs.
    declared
        What the picture is said to be, a media type or a file's suffix.
    share
        How far into its file it lies, from 0 to 1, where there are several and that is known.
    held
        How many bytes it holds in memory before it is loaded. None where that is a whole frame, or
        not known.
    """

    locator: Locator
    study: str
    load: Callable[[], bytes | Frame]
    series: str = ""
    index: int = 0
    time_s: float | None = None
    content: str | None = None
    declared: str | None = None
    share: float | None = None
    held: int | None = None


@dataclass(frozen=True, eq=False)
class Unread:
    """Something stored that gives no picture, and why: reported, and passed over."""

    locator: Locator
    study: str
    error: EndoLinkError
    series: str = ""
    index: int = 0


@dataclass(frozen=True)
class Reading:
    """How stored things are read.

    `every_s` takes one picture of a video for each so many seconds, `keyframes` of a video file
    only those that were coded without the others; `interval_s` says how far apart the stills of a
    folder were taken, which gives them times. With `only`, a source need read no other pictures
    than these, each with its time where that is known; it may still give others.
    """

    limits: Limits = field(default_factory=Limits)
    every_s: float | None = None
    interval_s: float | None = None
    keyframes: bool = False
    only: Mapping[Locator, float | None] | None = None

    def __post_init__(self) -> None:
        for name in ("every_s", "interval_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} must be above 0, not {value}")

    def has_time(self, picture: Picture) -> bool:
        """Say whether it is known when the picture was taken, within its series."""
        return taken_at(picture.time_s, picture.series, 0, self.interval_s) is not None

    def numbers(self, member: str | None = None) -> frozenset[int | None] | None:
        """Give the numbers of the pictures that are wanted of one file; None where all are."""
        if self.only is None:
            return None
        return frozenset(at.number for at in self.only if at.member == member)


def taken_at(
    time_s: float | None, series: str, order: int, interval_s: float | None
) -> float | None:
    """Say when a picture was taken, in seconds within its series; None where nobody knows.

    Its own `time_s` counts. With `interval_s`, files that have none and are of no series, the
    first of them at `order` 0, were taken so many seconds apart.
    """
    if time_s is not None or series or interval_s is None:
        return time_s
    return order * interval_s
