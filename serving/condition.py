"""How a stream is, in one word that a person understands at a glance, and why.

From the most pressing: `alert`, `error`, `degraded`, `paused`, `watching`, `ready`. An alert
outranks whatever goes wrong with the link or the picture: nothing silences it but its own end.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from endolink.serving.wire import Reason, State

# The reasons of an unusable verdict that pause a stream. Over-exposure does not: glare covers a
# part of the picture, and the rest can be judged.
_PAUSING: Final[tuple[Reason, ...]] = ("dark", "blurred", "out-of-body")
# Unusable for this long is a pause, not a blink: a lens is flushed, the scope turns a fold.
PAUSE_AFTER_S: Final = 0.5
# Usable for this long ends it: five frames of a live stream, past a single lucky one.
RESUME_AFTER_S: Final = 0.2
# A verdict older than this is about a place that the scope has left: at a usual withdrawal the view
# moves on in a third of a second.
OLD_S: Final = 0.3
# Ages and drops are looked at over this time, so that one lost packet changes nothing.
LOOK_BACK_S: Final = 2.0
# With more than this share without a verdict, the rest no longer stand for the whole.
DROPPING_ABOVE: Final = 0.5
# A stream that sent frames and then none, nor a pong, for this long is cut off; the rule's own
# `forget_s` ends its alerts a half second later.
SILENT_S: Final = 1.0
# So long without a frame while the link answers: nobody is sending, and nothing is wrong.
RESTING_S: Final = 1.0
# A degraded link is well again after this long without a complaint, or its state would flicker.
RECOVERED_AFTER_S: Final = 1.0
# As many frames in a row that could not be judged, whatever the reason, are an error.
FAILURES: Final = 3


class Gauge:
    """Watches what becomes of a stream's frames; all times in seconds on our clock."""

    def __init__(self) -> None:
        self._outcomes: deque[tuple[float, float | None]] = deque(maxlen=256)
        self._failures = 0
        self._last_frame_s: float | None = None
        self._last_heard_s: float | None = None
        self._unusable: tuple[float, Reason] | None = None
        self._usable_s: float | None = None
        self._paused: Reason | None = None
        self._degraded: tuple[float, Reason] | None = None

    def heard(self, now_s: float) -> None:
        """Take in that anything came from the client."""
        self._last_heard_s = now_s

    def judged(self, now_s: float, age_s: float, reasons: Iterable[str]) -> None:
        """Take in a verdict that was `age_s` old when it was sent, and why it was not usable."""
        self._failures = 0
        self._last_frame_s = now_s
        self._outcomes.append((now_s, age_s))
        pausing = next((reason for reason in _PAUSING if reason in tuple(reasons)), None)
        if pausing is None:
            self._unusable = None
            self._usable_s = now_s if self._usable_s is None else self._usable_s
            if now_s - self._usable_s >= RESUME_AFTER_S:
                self._paused = None
        else:
            self._usable_s = None
            since = self._unusable[0] if self._unusable else now_s
            self._unusable = (since, pausing)
            if now_s - since >= PAUSE_AFTER_S or self._paused:
                self._paused = pausing

    def dropped(self, now_s: float) -> None:
        """Take in a frame that got no verdict because of the link or the load."""
        self._last_frame_s = now_s
        self._outcomes.append((now_s, None))

    def failed(self, now_s: float) -> None:
        """Take in a frame that could not be read or judged."""
        self._last_frame_s = now_s
        self._failures += 1

    def read(self, now_s: float, *, alert: bool) -> tuple[State, Reason | None]:
        """Say how the stream is at `now_s`; `alert` is whether a lesion's alert is on."""
        complaint = self._complaint(now_s)
        if complaint is not None:
            self._degraded = (now_s, complaint)
        elif self._degraded and now_s - self._degraded[0] >= RECOVERED_AFTER_S:
            self._degraded = None
        if alert:
            return "alert", None
        if self._failures >= FAILURES:
            return "error", "failing"
        if self._degraded:
            return "degraded", self._degraded[1]
        if self._last_frame_s is None or now_s - self._last_frame_s > RESTING_S:
            return "ready", None
        if self._paused:
            return "paused", self._paused
        return "watching", None

    def _complaint(self, now_s: float) -> Reason | None:
        if self._last_frame_s is None or self._last_heard_s is None:
            return None
        if now_s - self._last_heard_s > SILENT_S:
            return "silent"
        while self._outcomes and self._outcomes[0][0] < now_s - LOOK_BACK_S:
            self._outcomes.popleft()
        ages = sorted(age for _, age in self._outcomes if age is not None)
        if len(self._outcomes) < FAILURES:
            return None
        if len(ages) < (1 - DROPPING_ABOVE) * len(self._outcomes):
            return "dropping"
        return "old" if ages[len(ages) // 2] > OLD_S else None
