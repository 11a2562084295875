"""What a client should send next, from what the link has been doing to its frames.

A frame's excess delay is what the way up cost beyond the way's own least time: half of the least
round trip, which is how `ClientClock` splits it. It is made of the time on the wire, queues, jitter
and repairs of loss. Held low, it keeps verdicts fresh; sizes are therefore steered by it, as in
LEDBAT (RFC 6817) and Google's congestion control for WebRTC (draft-ietf-rmcat-gcc), and not by
loss, which on a radio link says little of its load. Rises are small and tried rarely, falls are
large: AIMD. What a picture needs comes first, its rate second: at the floor of what the model was
validated for, frames are left out rather than made poorer. Fewer frames empty a queue and mend no
loss: they are left out only where the quickest quarter is late, too, since a queue delays every
frame and a loss only those behind it.
"""

from collections import deque
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from endolink.model.manifest import ValidatedInput
from endolink.serving.wire import Advice

# The network sees `size` pixels a side: a picture of 1.43 times that, 320 for one of 224, keeps its
# detail where the view fills but 70 % of the shorter side. More costs its sender, the link and the
# decoder milliseconds that every verdict is older by, and shows the network nothing.
CEILING_SIDES: Final = 10 / 7
CEILING_QUALITY: Final = 85
# Each rung has about 1.4 times the bytes of the one below: small enough to be a trial.
RUNGS: Final = 6
# Where a session begins: the second rung, a single round trip's worth of bytes at TCP's initial
# window (RFC 6928, 14 KB), so that the first verdict is early whatever the link is.
FIRST_RUNG: Final = 1

# Below this excess there is room for more; above the other there are queues. A frame of 10 KB
# takes 6 ms at 14 Mbit/s, a 5G link's own jitter 4 to 8 ms.
ROOM_S: Final = 0.010
QUEUES_S: Final = 0.025
# Advice is thought over at this pace: a dozen frames at 25 a second, and some round trips.
PACE_S: Final = 0.5
# Frames of less than this many are no evidence.
_EVIDENCE: Final = 4
# After a step, its effect has to show before the next: down soon, up late.
SETTLE_S: Final = 1.0
PATIENCE_S: Final = 3.0
# A rung that turned out too high is not tried again for this long, and twice as long each time.
RETRY_S: Final = 10.0
RETRY_MOST_S: Final = 120.0

FPS_MOST: Final = 30.0
# Fewer frames than this and the temporal rule no longer rises on a finding that is passing by.
FPS_LEAST: Final = 8.0
FPS_FALL: Final = 0.7
FPS_RISE: Final = 2.0

# The window holds what is under way in a round trip and half as much again, so that a repaired loss
# does not stop the sender; at most 16 frames, two thirds of a second, all of which a stall delays.
WINDOW_LEAST: Final = 2
WINDOW_MOST: Final = 16
WINDOW_SPARE: Final = 1.5
# A session's first advice, before a round trip was measured: enough for 150 ms at 25 a second.
WINDOW_FIRST: Final = 6
_LOOK_BACK: Final = 64


@dataclass(frozen=True)
class Range:
    """The poorest and the best picture worth sending, as shorter side in pixels and JPEG quality.

    Raises ValueError where the best is below the poorest.
    """

    least_side: int
    least_quality: int
    most_side: int
    most_quality: int

    def __post_init__(self) -> None:
        if self.most_side < self.least_side or self.most_quality < self.least_quality:
            raise ValueError("the best picture is poorer than the poorest")

    @classmethod
    def of(cls, floor: ValidatedInput, network_size: int) -> "Range":
        """Give the range for a bundle: its floor is what its stress suite passed."""
        return cls(
            floor.min_side,
            floor.jpeg_quality,
            max(floor.min_side, round(CEILING_SIDES * network_size)),
            max(floor.jpeg_quality, CEILING_QUALITY),
        )

    def rung(self, index: int) -> tuple[int, int]:
        """Give side and quality of rung `index`, 0 the floor and `RUNGS` - 1 the ceiling."""
        share = index / (RUNGS - 1)
        side = self.least_side * (self.most_side / self.least_side) ** share
        quality = self.least_quality + share * (self.most_quality - self.least_quality)
        # Halves up, so that the ends are exactly the floor and the ceiling.
        return int(side + 0.5), int(quality + 0.5)


class LinkAdvisor:
    """Keeps what was observed of one session's link, and changes its advice by it.

    All times are in seconds on our clock. Pure: it neither waits nor sends.
    """

    def __init__(self, pictures: Range) -> None:
        self._pictures = pictures
        self._rung = FIRST_RUNG
        self._fps = FPS_MOST
        self._window = WINDOW_FIRST
        self._excess: list[float] = []
        self._loops: deque[float] = deque(maxlen=_LOOK_BACK)
        self._thought_s: float | None = None
        self._stepped_s = float("-inf")
        self._good_s: float | None = None
        self._queued_s: float | None = None
        self._banned: dict[int, tuple[float, float]] = {}  # rung → until when, and for how long
        self._bytes = 0
        self._span: tuple[float, float] | None = None
        self.kbit_s = 0.0

    @property
    def advice(self) -> Advice:
        side, quality = self._pictures.rung(self._rung)
        return Advice(side, quality, round(self._fps, 1), self._window)

    def adopt(self, pictures: Range) -> None:
        """Go on for another model, whose pictures these are: on the same rung, at the same rate."""
        self._pictures = pictures

    def arrived(self, sent_s: float, arrived_s: float, size: int, round_trip_s: float) -> None:
        """Take in a frame's way up: `size` in bytes, `round_trip_s` the least one known."""
        self._excess.append(max(0.0, arrived_s - sent_s - round_trip_s / 2))
        self._bytes += size
        self._span = (self._span[0] if self._span else arrived_s, arrived_s)

    def answered(self, sent_s: float, answered_s: float, round_trip_s: float) -> None:
        """Take in a frame's answer; the way back is thought to take half of the round trip."""
        self._loops.append(max(0.0, answered_s - sent_s) + round_trip_s / 2)

    def think(self, now_s: float) -> Advice | None:
        """Weigh what came since the last time; give new advice, or None where nothing changes."""
        if self._thought_s is None:
            self._thought_s = now_s
        if now_s - self._thought_s < PACE_S or len(self._excess) < _EVIDENCE:
            return None
        before = self.advice
        if self._span and self._span[1] > self._span[0]:
            self.kbit_s = self._bytes * 8e-3 / (self._span[1] - self._span[0])
        excess = sorted(self._excess)
        typical, standing = excess[len(excess) // 2], excess[len(excess) // 4]
        self._thought_s, self._excess, self._bytes, self._span = now_s, [], 0, None
        if standing <= QUEUES_S:
            self._queued_s = None
        elif self._queued_s is None:
            self._queued_s = now_s
        if typical > QUEUES_S:
            self._good_s = None
            # A burst of losses holds up all frames of one look; a queue stands through two.
            queue = self._queued_s is not None and now_s - self._queued_s >= PACE_S
            if now_s - self._stepped_s >= SETTLE_S and (self._rung > 0 or queue):
                self._fall(now_s, 2 if typical > 2 * QUEUES_S else 1)
        elif typical < ROOM_S or self._fps < FPS_MOST:
            # Frames that were left out come back as soon as there are no queues: where losses are
            # repaired all the time there never is more room, and leaving out mends none of them.
            self._good_s = now_s if self._good_s is None else self._good_s
            if now_s - self._good_s >= (PATIENCE_S if self._fps >= FPS_MOST else SETTLE_S):
                self._rise(now_s)
        else:
            self._good_s = None
        self._window = self._fit_window()
        after = self.advice
        return None if _alike(before, after) else after

    def _fall(self, now_s: float, rungs: int) -> None:
        if self._rung > 0:
            wait = self._banned.get(self._rung, (0.0, RETRY_S / 2))[1] * 2
            self._banned[self._rung] = (now_s + wait, min(wait, RETRY_MOST_S / 2))
            self._rung = max(0, self._rung - rungs)
        else:
            self._fps = max(FPS_LEAST, self._fps * FPS_FALL)
        self._stepped_s = now_s

    def _rise(self, now_s: float) -> None:
        if self._fps < FPS_MOST:
            self._fps = min(FPS_MOST, self._fps + FPS_RISE)
            if self._fps == FPS_MOST:
                self._good_s = None
        elif self._rung < RUNGS - 1 and self._banned.get(self._rung + 1, (0.0, 0.0))[0] <= now_s:
            self._rung += 1
            self._good_s = None
        else:
            return
        self._stepped_s = now_s

    def _fit_window(self) -> int:
        if len(self._loops) < _EVIDENCE:
            return self._window
        loops = sorted(self._loops)
        usual = loops[int(0.9 * (len(loops) - 1))]
        wanted = ceil(self._fps * usual * WINDOW_SPARE) + 1
        return min(WINDOW_MOST, max(WINDOW_LEAST, wanted))


def _alike(before: Advice, after: Advice) -> bool:
    """Tell whether the difference is not worth a message: a window one frame apart."""
    if abs(before.window - after.window) <= 1:
        after = replace(after, window=before.window)
    return before == after
