"""Tells a flood from a burst: asked for more than can be served, and for longer than a moment.

A queue evens out a burst. In a flood it never empties: it makes everybody wait, and not one frame
more is judged ("bad queue"; Nichols & Jacobson, "Controlling Queue Delay", ACM Queue 2012).
"""

from collections import Counter
from typing import Final

# Clients that ask again as soon as they are answered ask as often as is served, and are no flood,
# however many they are; what is served is known no better than by so much.
ABOVE: Final = 1.5
# So much more of the excess than a flood begins with is remembered: as soon ended as begun.
REMEMBERED: Final = 2.0
# What each client asked for is counted over the current and the last of these, in seconds.
SPAN_S: Final = 1.0


class Inflow:
    """A leaky bucket: filled by each ask, emptied at `ABOVE` times the rate that can be served.

    It is a flood where more than `most` asks are in it. Times in seconds; pure book-keeping.
    """

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._level = 0.0
        self._asked_s = 0.0
        self._served_per_s = 0.0
        self._span_s = 0.0
        self._asks: Counter[str] = Counter()
        self._before: Counter[str] = Counter()

    def ask(self, client: str, now_s: float, served_per_s: float) -> None:
        """Take in that `client` asks for a frame's judging, `served_per_s` of which can be done."""
        left = self._level - (now_s - self._asked_s) * ABOVE * served_per_s
        self._level = min(max(0.0, left) + 1, REMEMBERED * self._most)
        self._asked_s = now_s
        self._served_per_s = served_per_s
        if now_s - self._span_s >= SPAN_S:
            recent = now_s - self._span_s < 2 * SPAN_S
            self._before, self._asks = self._asks if recent else Counter(), Counter()
            self._span_s = now_s
        self._asks[client] += 1

    @property
    def flood(self) -> bool:
        """Whether more has been asked for than can be served."""
        return self._level > self._most

    def modest(self, client: str) -> bool:
        """Tell whether `client` has asked for no more than its share of what can be served."""
        clients = len(self._asks.keys() | self._before.keys())
        seconds = self._asked_s - self._span_s + SPAN_S
        asked = self._asks[client] + self._before[client]
        return asked * clients <= self._served_per_s * seconds
