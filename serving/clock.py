"""How far a client's clock is from ours: measured, since a frame's age spans both.

A ping is answered with the client's time. As in NTP (RFC 5905, clock filter), of several exchanges
the one of least round trip is believed: it waited in the fewest queues, and its error is at most
half of that round trip. Half of the route's asymmetry remains, some 2 ms on a 5G link.
"""

from collections import deque
from typing import Final

# Exchanges older than this are forgotten: two quartz clocks part by up to 100 parts in a million,
# which is 3 ms in this time.
KEEP_S: Final = 30.0
# At most as many as come in `KEEP_S` at the quickest pace.
_MOST: Final = 64


class ClientClock:
    """One client's clock against ours; all times in seconds, each on its own side's clock.

    It begins with what the hello said, which arrived some time after it was written: until the
    first ping is answered, frames seem younger than they are by that delay.
    """

    def __init__(self, client_s: float, received_s: float) -> None:
        self._first = received_s - client_s
        self._exchanges: deque[tuple[float, float, float]] = deque(maxlen=_MOST)
        self._best: tuple[float, float] | None = None

    def observe(self, sent_s: float, client_s: float, received_s: float) -> None:
        """Take in a ping that left at `sent_s`, was read at `client_s`, answered at `received_s`.

        Raises ValueError where the answer is older than the ping.
        """
        round_trip = received_s - sent_s
        if round_trip < 0:
            raise ValueError(f"an answer came {-round_trip} s before its question")
        self._exchanges.append((received_s, round_trip, (sent_s + received_s) / 2 - client_s))
        while self._exchanges[0][0] < received_s - KEEP_S:
            self._exchanges.popleft()
        self._best = min((trip, offset) for _, trip, offset in self._exchanges)

    @property
    def round_trip_s(self) -> float | None:
        """The least round trip of late; None before the first was measured."""
        return self._best[0] if self._best else None

    @property
    def last_round_trip_s(self) -> float | None:
        """The newest round trip, queues and all."""
        return self._exchanges[-1][1] if self._exchanges else None

    def ours(self, client_s: float) -> float:
        """Turn a time of the client's clock into one of ours."""
        return client_s + (self._best[1] if self._best else self._first)

    def theirs(self, our_s: float) -> float:
        """Turn a time of our clock into one of the client's."""
        return our_s - (self._best[1] if self._best else self._first)
