"""The one road as the service walks it: on a worker, in its turn, no further than is wanted."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from threading import Lock
from time import perf_counter
from typing import Final

from endolink.model.classifier import Classifier, Explain
from endolink.model.frame import Frame
from endolink.model.verdict import Verdict
from endolink.serving.batching import Ask, Road
from endolink.serving.turn import Turn

# A frame's way to the network is some hundred short steps in numpy, each of which lets go of the
# interpreter's lock. Two workers that take such steps together hand that lock to and fro, which
# costs more than the steps: of small frames two workers then judge hardly more than one. Where one
# prepares at a time, and the other is in the network meanwhile, they judge a third more.
_PREPARING: Final = Lock()
# What is larger is decoded for longer than the steps take, and decoding needs no lock either.
_SMALL_BYTES: Final = 48 * 1024


def _one_at_a_time(image: bytes | Frame) -> AbstractContextManager[object]:
    small = isinstance(image, bytes) and len(image) <= _SMALL_BYTES
    return _PREPARING if small else nullcontext()


def walk(
    turn: Turn,
    classifier: Classifier,
    image: bytes | Frame,
    *,
    declared: str | None = None,
    captured_at: datetime | None = None,
    sequence: int | None = None,
    explain: Explain = "none",
) -> Road[Verdict]:
    """Judge `image` in its `turn`; the verdict's timing begins with the frame's admission.

    It stops where the network is asked, which judges it alone or along with others.

    Raises
    ------
    FrameError
        The bytes cannot be judged.
    DeadlineExceeded, Abandoned
        There is no use in going on to the network.
    """
    with _one_at_a_time(image):
        prepared = classifier.prepare(
            image, declared=declared, captured_at=captured_at, sequence=sequence
        )
    verdict = yield Ask(classifier, prepared, explain)
    total = (perf_counter() - turn.admitted) * 1000
    timing = replace(verdict.timing_ms, queue=round(turn.waited_ms, 3), total=round(total, 3))
    verdict = replace(verdict, timing_ms=timing)
    turn.judged(classifier, prepared, verdict)
    return verdict
