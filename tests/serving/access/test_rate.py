import pytest

from endolink.model.errors import RateLimited
from endolink.serving.access.rate import Limiter, Quota


def test_a_burst_then_the_rate() -> None:
    now = [0.0]
    limiter = Limiter(Quota(rate=10, burst=3, concurrent=100), clock=lambda: now[0])
    lefts = [limiter.enter("a").left for _ in range(3)]
    assert lefts == [2, 1, 0]
    with pytest.raises(RateLimited) as caught:
        limiter.enter("a")
    assert caught.value.retry_after == pytest.approx(0.1)
    limiter.enter("b")
    now[0] += 0.1
    limiter.enter("a")


def test_no_more_at_once_than_allowed() -> None:
    limiter = Limiter(Quota(rate=1000, burst=1000, concurrent=2))
    limiter.enter("a")
    limiter.enter("a")
    with pytest.raises(RateLimited, match="under way"):
        limiter.enter("a")
    limiter.leave("a")
    limiter.enter("a")


def test_the_headers_say_how_a_client_stands() -> None:
    standing = Limiter(Quota(rate=10, burst=20, concurrent=5)).enter("a")
    assert standing.headers == {
        "RateLimit-Policy": '"client";q=20;w=2',
        "RateLimit": '"client";r=19;t=0',
    }
