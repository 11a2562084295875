from contextlib import suppress

import pytest

from endolink.model.errors import Overloaded
from endolink.serving.intake import Intake


def test_bodies_are_bounded_in_number_and_in_bytes_together() -> None:
    intake = Intake(bodies=2, max_bytes=100)
    with intake.hold(60, retry_after=lambda: 0.5):
        with pytest.raises(Overloaded) as refused, intake.hold(41, retry_after=lambda: 0.5):
            pass
        assert refused.value.retry_after == 0.5
        with intake.hold(40, retry_after=lambda: 0.5):
            assert (intake.held, intake.held_bytes) == (2, 100)
            with pytest.raises(Overloaded), intake.hold(0, retry_after=lambda: 0.5):
                pass
    assert (intake.held, intake.held_bytes) == (0, 0)


def test_one_body_alone_is_let_in_and_room_returns_whatever_happened() -> None:
    intake = Intake(bodies=2, max_bytes=100)
    with suppress(ZeroDivisionError), intake.hold(1000, retry_after=lambda: 1):
        assert intake.held_bytes == 1000
        raise ZeroDivisionError
    assert (intake.held, intake.held_bytes) == (0, 0)


@pytest.mark.parametrize(("bodies", "max_bytes"), [(0, 1), (1, 0)])
def test_an_intake_that_takes_nothing_is_not_made(bodies: int, max_bytes: int) -> None:
    with pytest.raises(ValueError, match="cannot take in"):
        Intake(bodies=bodies, max_bytes=max_bytes)
