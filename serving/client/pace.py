"""When the next frame may go, at a rate that was advised; and when to try a lost service again."""

import random
from typing import Final

# The first try comes at once for a person, and the service is not flooded by all its clients when
# it comes back: delays double up to the last, each spread at random.
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 5.0


class Pace:
    """Lets at most `fps` frames a second through, evenly; times in seconds."""

    def __init__(self) -> None:
        self._next_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Say how long the next frame has to wait; 0 where it may go."""
        return max(0.0, self._next_s - now_s)

    def go(self, now_s: float, fps: float) -> None:
        """Take in that a frame goes."""
        # Of a delay, at most half a frame's time is made up for: captures do not come on the dot.
        self._next_s = max(self._next_s + 1 / fps, now_s + 0.5 / fps)


class Retry:
    """Delays between tries, doubling."""

    def __init__(self) -> None:
        self._delay_s = FIRST_RETRY_S

    def delay_s(self) -> float:
        """Give the next delay, at random between half and all of it."""
        delay, self._delay_s = self._delay_s, min(LAST_RETRY_S, 2 * self._delay_s)
        return delay * random.uniform(0.5, 1)  # noqa: S311 - it keeps nobody out

    def succeeded(self) -> None:
        """Begin anew."""
        self._delay_s = FIRST_RETRY_S
