"""How often one client may ask, and how much at once: a token bucket each."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from endolink.model.errors import RateLimited

# Clients that are remembered; whoever was silent longest is forgotten, with a full bucket.
_MOST_CLIENTS: Final = 10_000


@dataclass(frozen=True)
class Quota:
    """`rate` requests a second in the long run, `burst` of them at once; `concurrent` under way."""

    rate: float
    burst: int
    concurrent: int


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    under_way: int = 0


@dataclass(frozen=True)
class Standing:
    """How a client stands, as the `RateLimit` headers say it."""

    quota: Quota
    left: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """What an answer says, as draft-ietf-httpapi-ratelimit-headers-10 has it."""
        window = max(1, round(self.quota.burst / self.quota.rate))
        return {
            "RateLimit-Policy": f'"client";q={self.quota.burst};w={window}',
            "RateLimit": f'"client";r={self.left};t={self.reset_s}',
        }


class Limiter:
    """Counts the requests of each client; used from one event loop."""

    def __init__(self, quota: Quota, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.quota = quota
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def enter(self, client: str) -> Standing:
        """Take one request of `client`; `leave` must follow once it is answered.

        Raises
        ------
        RateLimited
            It asks too often, or too much at once; the error says when to come back.
        """
        now, quota = self._clock(), self.quota
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(quota.burst, now)
            self._forget()
        self._buckets.move_to_end(client)
        bucket.left = min(quota.burst, bucket.left + (now - bucket.at) * quota.rate)
        bucket.at = now
        if bucket.under_way >= quota.concurrent:
            raise RateLimited(
                f"{quota.concurrent} requests of this client are under way, which is as many as it "
                "may have; wait for an answer.",
                retry_after=1 / quota.rate,
            )
        if bucket.left < 1:
            wait = (1 - bucket.left) / quota.rate
            raise RateLimited(
                f"This client may ask {quota.rate:g} times a second; try again in {wait:.2f} s.",
                retry_after=wait,
            )
        bucket.left -= 1
        bucket.under_way += 1
        until_full = (quota.burst - bucket.left) / quota.rate
        return Standing(quota, int(bucket.left), max(0, round(until_full)))

    def leave(self, client: str) -> None:
        """Take in that a request of `client` was answered."""
        if (bucket := self._buckets.get(client)) is not None:
            bucket.under_way = max(0, bucket.under_way - 1)

    def _forget(self) -> None:
        while len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
