"""The frames of one session that wait to be judged: the freshest is never held up for long."""

from bisect import insort
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

from endolink.serving.wire import Dropped, ServerMessage, StreamFrame

# What stands before the freshest frame may cost it this much. Frames that a stalled link delivers
# together are all judged where that is quick, and a slow service judges the freshest alone. It is a
# frame's time at 25 frames a second: by when the next one comes, it has caught up.
PATIENCE_S: Final = 0.040
# More never wait: 8 frames are a third of a second, as long as a stall is worth catching up on.
MOST: Final = 8
# Sequence numbers that are remembered, to tell a repeated frame from one that came by a detour.
_REMEMBERED: Final = 512


class Connection(Protocol):
    """One way to the client; sending never waits, and to one that is closed does nothing."""

    @property
    def is_open(self) -> bool: ...

    def send(self, message: ServerMessage) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Arrival:
    """A frame, when it came and was captured (both on our clock), and over which connection."""

    sequence: int
    frame: StreamFrame
    arrived_s: float
    captured_s: float
    connection: Connection


class Mailbox:
    """Holds frames in their order, and says of each that is not judged why.

    `deadline_s` is the age at which a frame is late. Frames are put in from the event loop and
    taken from a worker, when the session's turn comes: until then a fresher one may still arrive.
    """

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.newest: int | None = None
        self._taken: int | None = None
        self._waiting: list[Arrival] = []
        self._seen: set[int] = set()
        self._order: deque[int] = deque()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Arrival, now_s: float) -> list[tuple[Arrival, Dropped]]:
        """Take a frame in; give those, itself among them, that are dropped for it."""
        with self._lock:
            if item.sequence in self._seen:
                return [(item, Dropped(item.sequence, "repeated"))]
            self._remember(item.sequence)
            if now_s - item.captured_s > self.deadline_s:
                return [(item, self._late(item, now_s))]
            if self._taken is not None and item.sequence < self._taken:
                return [(item, Dropped(item.sequence, "superseded"))]
            self.newest = item.sequence if self.newest is None else max(self.newest, item.sequence)
            insort(self._waiting, item, key=lambda arrival: arrival.sequence)
            if len(self._waiting) <= MOST:
                return []
            oldest = self._waiting.pop(0)
            return [(oldest, Dropped(oldest.sequence, "superseded"))]

    def take(
        self, now_s: float, judging_s: float
    ) -> tuple[Arrival | None, list[tuple[Arrival, Dropped]]]:
        """Give the frame to judge next, and those that are dropped; `judging_s` is what one takes.

        It is the oldest of those that the freshest can wait for.
        """
        dropped = []
        keep = 1 + int(PATIENCE_S / max(judging_s, 1e-6))
        with self._lock:
            while self._waiting:
                item = self._waiting.pop(0)
                if now_s - item.captured_s > self.deadline_s:
                    dropped.append((item, self._late(item, now_s)))
                elif len(self._waiting) >= keep:
                    dropped.append((item, Dropped(item.sequence, "superseded")))
                else:
                    self._taken = item.sequence
                    return item, dropped
        return None, dropped

    def _remember(self, sequence: int) -> None:
        self._seen.add(sequence)
        self._order.append(sequence)
        if len(self._order) > _REMEMBERED:
            self._seen.discard(self._order.popleft())

    def _late(self, item: Arrival, now_s: float) -> Dropped:
        return Dropped(
            item.sequence,
            "late",
            detail=f"It was {(now_s - item.captured_s) * 1000:.0f} ms old, "
            f"{self.deadline_s * 1000:.0f} ms are allowed.",
        )
