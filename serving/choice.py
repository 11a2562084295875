"""What a session's turn is used for: the frame that is the one to judge when the turn comes.

A frame that waited for a turn itself would be as old as the queue is long; a session that waits
gives its freshest.
"""

from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from endolink.model.classifier import Classifier
from endolink.model.verdict import Verdict
from endolink.serving.batching import Road
from endolink.serving.mailbox import Arrival, Mailbox
from endolink.serving.road import walk
from endolink.serving.turn import Turn
from endolink.serving.wire import Dropped

if TYPE_CHECKING:
    from endolink.serving.tracing import Trace, Traces  # an extra


class Choice:
    """One turn of a session; made on the event loop, `judge` runs on the worker.

    `item` is the frame that was taken, None as long as none was, and `dropped` are those that were
    passed over for it; `judging_s` is what a turn takes, in seconds. Read them when the turn is
    over.
    """

    def __init__(
        self, mailbox: Mailbox, classifier: Classifier, judging_s: float, traces: "Traces | None"
    ) -> None:
        self.item: Arrival | None = None
        self.dropped: list[tuple[Arrival, Dropped]] = []
        self._mailbox = mailbox
        self._classifier = classifier
        self._judging_s = judging_s
        self._traces = traces
        self._trace: Trace | None = None
        # A trace is linked to the connection that the session began with.
        self._context = copy_context()

    def take(self) -> Arrival | None:
        """Take the frame to judge now; None where all that waited were too late."""
        self.item, self.dropped = self._mailbox.take(perf_counter(), self._judging_s)
        return self.item

    def judge(self, turn: Turn) -> Road[Verdict | None]:
        """Judge the frame to judge now, if there is one.

        Raises
        ------
        FrameError, DeadlineExceeded, Abandoned
            As `walk` does.
        """
        item = self.take()
        if item is None:
            return None
        began = perf_counter()
        turn.choose(item.arrived_s, item.captured_s + self._mailbox.deadline_s)

        def judge(turn: Turn) -> Road[Verdict]:
            return walk(
                turn,
                self._classifier,
                item.frame.image,
                captured_at=datetime.now(UTC) - timedelta(seconds=began - item.captured_s),
                sequence=item.sequence,
                explain="box" if item.frame.box else "none",
            )

        if self._traces is not None:
            self._trace = self._context.run(self._traces.frame, item.arrived_s)
        return (yield from (self._trace.follow(judge) if self._trace else judge)(turn))

    def end(self) -> None:
        """Close the turn's trace, once its answer is sent."""
        if self._trace is not None:
            self._trace.end({"endolink.model.name": self._classifier.identity.name})
