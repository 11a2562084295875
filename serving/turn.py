"""A job's place in the queue, and then its turn on a worker."""

from collections.abc import Callable
from time import perf_counter

from endolink.model.classifier import Classifier, Prepared
from endolink.model.errors import Abandoned, DeadlineExceeded
from endolink.model.verdict import Verdict
from endolink.serving.waiting import Lane

Judged = Callable[[Classifier, Prepared, Verdict], None]
"""Hears of a verdict on the worker that made it: for counts, and for drift."""


def nobody(_classifier: Classifier, _prepared: Prepared, _verdict: Verdict) -> None:
    """Hear of it, and do nothing."""


class Turn:
    """A job's place in the queue, and then its turn on a worker.

    `deadline` is an instant of `time.perf_counter`, or None; `waited_ms` is how long the job
    waited, in milliseconds, once it runs. `judged` is told of each verdict, by whoever made it.
    """

    def __init__(
        self, lane: Lane, client: str, deadline: float | None, judged: Judged = nobody
    ) -> None:
        self.lane = lane
        self.client = client
        self.deadline = deadline
        self.judged = judged
        self.admitted = perf_counter()
        self.waited_ms = 0.0
        self.abandoned = False

    def choose(self, arrived: float, deadline: float) -> None:
        """Take on what this turn, that was only asked for, is now used for; on the worker.

        It `arrived` after the turn was asked for or before; both are instants of
        `time.perf_counter`.
        """
        self.admitted = arrived
        self.deadline = deadline
        self.waited_ms = (perf_counter() - arrived) * 1000

    def check(self, step: str) -> None:
        """Go on to `step` only where somebody waits for it, and not too late.

        Raises
        ------
        Abandoned
            Whoever asked has gone.
        DeadlineExceeded
            The deadline has passed.
        """
        if self.abandoned:
            raise Abandoned("Nobody waits for this frame's verdict any more.")
        if self.deadline is not None and perf_counter() >= self.deadline:
            raise DeadlineExceeded(
                f"The deadline passed before {step} began; send a newer frame, or allow more time."
            )
