"""Verdicts for tests, made from probabilities that the test gives."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from endolink.model.findings import finding
from endolink.model.verdict import FindingVerdict, FrameIdentity, ModelIdentity, Timing, Verdict
from endolink.serving.archive.picture import Locator
from endolink.serving.archive.sights import Descriptor
from endolink.serving.archive.study import Failure, FrameResult, StudyResult, worth_showing
from endolink.serving.archive.summary import summarise

MODEL = ModelIdentity("given", "1.0.0", "sha256:" + "0" * 64, "fp32", "cpu")
THRESHOLD = 0.5


def verdict(chances: Mapping[str, float], *, reasons: tuple[str, ...] = ()) -> Verdict:
    findings = tuple(
        FindingVerdict(
            code, finding(code).label, finding(code).kind, chance, THRESHOLD, chance >= THRESHOLD
        )
        for code, chance in chances.items()
    )
    return Verdict(
        "01", MODEL, FrameIdentity("0" * 64, 224, 224), not reasons, reasons, True, 0.5, findings,
        Timing(0, 1, 1, 2),
    )  # fmt: skip


def look(scene: int) -> NDArray[np.float32]:
    """Describe a scene: two scenes of different numbers are unlike."""
    one = np.zeros(288, np.float32)
    one[scene % 256] = 1.0
    return one


def study(
    frames: Iterable[tuple[Verdict | Failure, float | None, int]], *, series: str = ""
) -> StudyResult:
    """Sum up frames given as (outcome, time in seconds, scene)."""
    given = list(frames)

    def again() -> Iterator[tuple[FrameResult, Descriptor | None]]:
        for number, (outcome, time_s, scene) in enumerate(given):
            shown = isinstance(outcome, Verdict) and any(map(worth_showing, outcome.findings))
            found = FrameResult(number, Locator(f"/s/{number}.jpg"), series, time_s, outcome)
            yield found, look(scene) if shown else None

    return summarise("/s", "pseudonym", MODEL, again)
