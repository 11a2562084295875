"""The one road as the service walks it: on a worker, in its turn, no further than is wanted."""

from dataclasses import replace
from datetime import datetime
from time import perf_counter

from endolink.model.classifier import Classifier, Explain
from endolink.model.frame import Frame
from endolink.model.verdict import Verdict
from endolink.serving.scheduler import Turn


def walk(
    turn: Turn,
    classifier: Classifier,
    image: bytes | Frame,
    *,
    declared: str | None = None,
    captured_at: datetime | None = None,
    sequence: int | None = None,
    explain: Explain = "none",
) -> Verdict:
    """Judge `image` in its `turn`; the verdict's timing begins with the frame's admission.

    Raises
    ------
    FrameError
        The bytes cannot be judged.
    DeadlineExceeded, Abandoned
        There is no use in going on to the network.
    """
    prepared = classifier.prepare(
        image, declared=declared, captured_at=captured_at, sequence=sequence
    )
    turn.check("inference")
    (verdict,) = classifier.judge([prepared], explain=explain)
    total = (perf_counter() - turn.admitted) * 1000
    timing = replace(verdict.timing_ms, queue=round(turn.waited_ms, 3), total=round(total, 3))
    verdict = replace(verdict, timing_ms=timing)
    turn.judged(classifier, prepared, verdict)
    return verdict
