import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.serving.audit.entry import GENESIS, canonical, digest, iso, seal

names = st.text(min_size=1, max_size=12)


def test_a_hash_is_what_the_format_says() -> None:
    framed = b"16:endolink-audit-14:main32:" + GENESIS + b"1:11:75:frame2:{}"
    assert (
        seal("main", GENESIS, 1, at=7, kind="frame", body="{}").hash
        == hashlib.sha256(framed).digest()
    )


@given(names, names, names, names)
def test_no_part_shifts_into_the_next(a: str, b: str, c: str, d: str) -> None:
    one, other = (digest("m", GENESIS, 1, at=7, kind=k, body=v) for k, v in ((a, b), (c, d)))
    assert (one == other) == ((a, b) == (c, d))


def test_json_is_the_same_each_time() -> None:
    assert canonical({"b": 1, "a": "é"}) == '{"a":"\\u00e9","b":1}' == canonical({"a": "é", "b": 1})


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})


def test_a_time_is_utc() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000000+00:00"


@pytest.mark.parametrize("at", [10**30, -(10**17)])
def test_a_time_that_no_calendar_has_is_written_as_it_is(at: int) -> None:
    assert iso(at) == f"{at} µs"
