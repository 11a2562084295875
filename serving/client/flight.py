"""Frames that are under way on one connection: how many more may go, and whether it has stalled."""

from collections import deque
from statistics import median
from typing import Final

# A connection on which a frame waits this many times as long as is usual for its answer, and at
# least so long, has stalled: TCP repairs one loss within two round trips, and a handover of a 5G
# cell takes 50 to 250 ms. What is then captured goes another way.
STALL_TIMES: Final = 2.5
STALL_LEAST_S: Final = 0.2
# One that stays stalled is taken for dead, and opened anew: longer than any handover, and than the
# second repair that TCP tries (RFC 6298: at least 1 + 2 s would follow a first).
DEAD_S: Final = 3.0
# What is usual before anything was answered.
_FIRST_S: Final = 0.3
_LOOK_BACK: Final = 50


class Flight:
    """Keeps the frames of one connection that were sent and not answered; times in seconds."""

    def __init__(self) -> None:
        self._out: dict[int, float] = {}
        self._loops: deque[float] = deque(maxlen=_LOOK_BACK)

    def __len__(self) -> int:
        return len(self._out)

    @property
    def sequences(self) -> tuple[int, ...]:
        """The frames that are out, the oldest first."""
        return tuple(self._out)

    @property
    def usual_s(self) -> float:
        """What an answer takes, at the median."""
        return median(self._loops) if self._loops else _FIRST_S

    def send(self, sequence: int, now_s: float) -> None:
        """Take in that a frame went out."""
        self._out[sequence] = now_s

    def answer(self, sequence: int, now_s: float) -> None:
        """Take in that a frame was answered, with a verdict or without."""
        sent = self._out.pop(sequence, None)
        if sent is not None:
            self._loops.append(now_s - sent)

    def waited_s(self, now_s: float) -> float:
        """Say how long the oldest frame has been out; 0 where none is."""
        return now_s - next(iter(self._out.values())) if self._out else 0.0

    def stalled(self, now_s: float) -> bool:
        """Tell whether the next frame had better take another connection."""
        return self.waited_s(now_s) > max(STALL_LEAST_S, STALL_TIMES * self.usual_s)

    def dead(self, now_s: float) -> bool:
        """Tell whether to give the connection up."""
        return self.waited_s(now_s) > DEAD_S
