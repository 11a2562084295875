"""A verdict: what EndoLink says about one frame. The fields are a contract with every client."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from endolink.model.findings import Kind

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Box = tuple[int, int, int, int]

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_CLOSED)
class ModelIdentity:
    """Which network answered; the digest, `sha256:` and 64 hex digits, names the whole bundle."""

    name: str
    version: str
    digest: str
    precision: str
    provider: str


@dataclass(frozen=True, config=_CLOSED)
class FrameIdentity:
    """Which frame was judged: the digest of the bytes as received, the size in original pixels."""

    sha256: str
    width: int
    height: int
    captured_at: datetime | None = None
    sequence: int | None = None


@dataclass(frozen=True, config=_CLOSED)
class FindingVerdict:
    """One finding of the bundle: calibrated probability, and whether it passes its operating point.

    `box` is (x0, y0, x1, y1) in the original frame's pixels, half-open, only when it was asked for
    and only for a finding that is present.
    """

    code: str
    label: str
    kind: Kind
    probability: Probability
    threshold: Probability
    present: bool
    box: Box | None = None


@dataclass(frozen=True, config=_CLOSED)
class Timing:
    """What the verdict took, in milliseconds: waiting, decode to tensor, network, and all of it."""

    queue: float
    decode: float
    inference: float
    total: float


@dataclass(frozen=True, config=_CLOSED)
class Verdict:
    """What EndoLink points at in one frame; the clinician decides.

    `usable` and `familiar` inform: they never change a probability or `present`. `findings` lists
    all findings of the bundle, in its order. `familiarity` is in [0, 1]: the share of the
    validation frames that looked at least as strange as this one. `age_ms` is the time since the
    frame was captured, where that is known.
    """

    request_id: str
    model: ModelIdentity
    frame: FrameIdentity
    usable: bool
    reasons: tuple[str, ...]
    familiar: bool
    familiarity: Probability
    findings: tuple[FindingVerdict, ...]
    timing_ms: Timing
    age_ms: float | None = None

    @property
    def top(self) -> FindingVerdict:
        """The finding of highest probability."""
        return max(self.findings, key=lambda finding: finding.probability)


@dataclass(frozen=True, config=_CLOSED)
class Heatmap:
    """How much each part of the frame speaks for the finding `code`, which is present.

    `png` is a small grey picture, base64: white at the map's peak, black where nothing speaks for
    the finding. Laid over `box` of the original frame, in its pixels, it shows where to look.
    """

    code: str
    box: Box
    png: str


@dataclass(frozen=True, config=_CLOSED)
class ExplainedVerdict(Verdict):
    """A verdict with a heatmap for each finding that is present, when they were asked for."""

    heatmaps: tuple[Heatmap, ...] = ()


VERDICT_JSON: TypeAdapter[Verdict] = TypeAdapter(Verdict)
"""Writes and reads a verdict as JSON: `VERDICT_JSON.dump_json(verdict)`."""

EXPLAINED_JSON: TypeAdapter[ExplainedVerdict] = TypeAdapter(ExplainedVerdict)
"""The same for a verdict with heatmaps."""


def to_json(verdict: Verdict) -> bytes:
    """Write a verdict as JSON, with its heatmaps where it has them."""
    if isinstance(verdict, ExplainedVerdict):
        return EXPLAINED_JSON.dump_json(verdict)
    return VERDICT_JSON.dump_json(verdict)
