"""What is said about one study: the frames' verdicts, and what is worth a reader's time in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import Final

from endolink.model.temporal import Event
from endolink.model.verdict import FindingVerdict, ModelIdentity, Verdict
from endolink.serving.archive.picture import Locator

NOTICE: Final = "EndoLink points; the clinician decides. This is not a diagnosis."

_URN: Final = "urn:oid:"
# From this evidence on (in log-odds over the threshold's) a lesion may be on the shortlist: less
# than the operating point asks for, since a reader sees more than a network. Of the capsule
# bundle's validation frames 98.4 % of the bleeding ones and 16 % of the others pass; 96.8 % and 5 %
# do at the operating point.
NEARLY: Final = -3.0
# Probabilities nearer to 0 or 1 say no more than this one does; it keeps log-odds finite.
_CERTAIN: Final = 1e-6


@dataclass(frozen=True)
class Failure:
    """Why a picture has no verdict: an error's stable code, and its detail."""

    code: str
    detail: str


@dataclass(frozen=True)
class FrameResult:
    """One stored picture, and what came of it.

    `number` counts the study's pictures from 0 in their order, those without a verdict too.
    `time_s` is in seconds since its series began, None where that is not known.
    """

    number: int
    locator: Locator
    series: str
    time_s: float | None
    outcome: Verdict | Failure


@dataclass(frozen=True)
class StudyEvent:
    """One stay of a finding in view, within one series, with the frame of its peak."""

    series: str
    event: Event
    peak: FrameResult


@dataclass(frozen=True)
class KeyFrame:
    """A frame worth looking at, and the finding it was chosen for.

    Where nothing was found, it is the usable frame most like those the model knows, for none.
    """

    frame: FrameResult
    finding: FindingVerdict | None


@dataclass(frozen=True)
class Landmark:
    """A landmark: where its stay in view began that shows it best, and where that is best seen."""

    finding: str
    first: FrameResult
    best: FrameResult


@dataclass(frozen=True)
class StudyResult:
    """One study, scored: what every sink writes down in its own way.

    Attributes
    ----------
    key
        What the source calls the study. Private: sinks write `pseudonym` unless identifiers were
        asked for.
    pseudonym
        The name that goes out; the same study has the same one wherever the secret is the same.
    frames
        Every picture in order, as often as it is iterated over; not held in memory.
    scored, usable
        How many pictures have a verdict, and how many of these were fit to be judged.
    failures
        How many have none, by the error's code.
    reasons
        How many were not fit to be judged, by the reason: `dark`, `blurred`, ...
    duration_s
        What the series last in all, in seconds; None where no times are known.
    events
        In the order of the study; empty where no times are known.
    key_frames
        In the order of the study, near-identical ones left out.
    view_quality
        For each finding of kind `view-quality`, the share of the usable frames that show it.
    shortlist
        The numbers of the frames that a reader of a long study would look at, in order; empty where
        nothing may be worth it, and in a short study, whose key frames do instead.
    """

    key: str
    pseudonym: str
    model: ModelIdentity
    frames: Iterable[FrameResult] = field(repr=False, compare=False)
    scored: int
    usable: int
    failures: Mapping[str, int]
    reasons: Mapping[str, int]
    duration_s: float | None
    events: tuple[StudyEvent, ...]
    key_frames: tuple[KeyFrame, ...]
    landmarks: tuple[Landmark, ...]
    view_quality: Mapping[str, float]
    shortlist: tuple[int, ...] = ()
    notice: str = NOTICE

    @property
    def total(self) -> int:
        """How many pictures the study has, with a verdict or without."""
        return self.scored + sum(self.failures.values())

    @property
    def study_uid(self) -> str | None:
        """The DICOM StudyInstanceUID, where there is one. Private, as `key` is."""
        return self.key.removeprefix(_URN) if self.key.startswith(_URN) else None


def evidence(finding: FindingVerdict) -> float:
    """Say how far the probability is above its threshold, in log-odds; below, it is negative."""
    return _log_odds(finding.probability) - _log_odds(finding.threshold)


def worth_showing(finding: FindingVerdict) -> bool:
    """Say whether a frame with this may be shown for it: never for the view's quality."""
    if finding.kind == "view-quality":
        return False
    return evidence(finding) >= (0.0 if finding.kind == "landmark" else NEARLY)


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return log(inside / (1 - inside))
