"""When a session's client is asked for its clock, and which answers were waited for."""

from typing import Final

from endolink.serving.wire import Ping

# At first pings follow each other quickly, so that ages hold after the first few frames; then they
# are rare: 30 bytes twice a second.
PING_S: Final = 0.5
FIRST_PINGS: Final = 5
FIRST_PING_S: Final = 0.05
# Those that were not answered are forgotten beyond this many.
_OUT: Final = 16


class Pings:
    """The pings of one session that are under way; times in seconds on our clock."""

    def __init__(self) -> None:
        self._out: dict[int, float] = {}
        self._number = 0
        self._quick = 0
        self._sent_s = float("-inf")

    @property
    def quick(self) -> bool:
        """Whether they follow each other by `FIRST_PING_S`."""
        return self._quick > 0

    def begin(self) -> None:
        """Take in a new connection, whose way is not known."""
        self._quick = FIRST_PINGS

    def due(self, now_s: float) -> bool:
        """Say whether it is time for a round, one to each connection."""
        return self.quick or now_s - self._sent_s >= PING_S

    def round(self, connections: int, now_s: float) -> list[Ping]:
        """Give the pings to send now, one for each of so many connections."""
        self._sent_s = now_s
        self._quick = max(0, self._quick - 1)
        pings = []
        for _ in range(connections):
            self._number += 1
            self._out[self._number] = now_s
            pings.append(Ping(self._number))
        while len(self._out) > _OUT:
            del self._out[next(iter(self._out))]
        return pings

    def answered(self, number: int) -> float | None:
        """Say when the ping of a number left; None for one that was not sent, or is forgotten."""
        return self._out.pop(number, None)
