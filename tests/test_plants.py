"""What looks for leaks finds them."""

import base64

import pytest

from tests.plants import NAMES, leaks, pieces
from tests.serving.service import picture

FRAME = picture()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_found(name: str) -> None:
    assert leaks(f"saved as /data/{name.lower()}.jpg".encode()) != []


def test_keys_and_tokens_are_found() -> None:
    assert leaks(b"Bearer endolink_0123456789ab_" + b"x" * 43) == ["a key"]
    assert leaks(b"token=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIx.c2ln") == ["a token"]


@pytest.mark.parametrize("before", range(3))
def test_a_frame_is_found_in_whatever_it_was_written(before: int) -> None:
    whole = bytes(before) + FRAME
    assert leaks(whole, frames=[FRAME])
    assert leaks(base64.b64encode(whole), frames=[FRAME])
    assert leaks(base64.urlsafe_b64encode(whole), frames=[FRAME])
    assert leaks(whole.hex().encode(), frames=[FRAME])
    assert leaks(repr(whole).encode(), frames=[FRAME])
    assert leaks(str(list(whole)).encode(), frames=[FRAME])


def test_what_leaks_nothing_is_clean() -> None:
    assert leaks(b"answered resource=judge_frame status=200 ms=6.1", frames=[FRAME]) == []
    assert all(len(set(piece)) > 5 for piece in pieces(FRAME).values())
