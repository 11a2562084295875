import logging

import pytest

from endolink import sample_data
from tests.overheard import Overheard
from tests.plants import NAMES


def _heard(name: str, message: str) -> Overheard:
    overheard = Overheard()
    overheard.emit(logging.LogRecord(name, logging.INFO, __file__, 1, message, None, None))
    return overheard


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (f"scored {NAMES[0]}", NAMES[0]),
        (f"refused endolink_0123456789ab_{'x' * 43}", "a key"),
        ("refused eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyb29tIn0.c2ln", "a token"),
    ],
)
def test_what_must_not_be_logged_is_heard(message: str, what: str) -> None:
    assert ("endolink.serving", what) in _heard("endolink.serving", message).leaks


def test_a_frames_bytes_are_heard_as_python_shows_them() -> None:
    frame = next(iter(sample_data.frames())).read_bytes()
    half = frame[len(frame) // 2 :][:80]
    heard = _heard("uvicorn.error", f"cannot read {half!r}")
    assert heard.leaks == {("uvicorn.error", "a piece of a frame")}


def test_other_programs_records_and_harmless_ones_are_let_be() -> None:
    assert not _heard("hypothesis", NAMES[0]).heard
    harmless = _heard("endolink.serving", "answered resource=frames status=200 ms=11.2")
    assert harmless.heard == 1
    assert not harmless.leaks
