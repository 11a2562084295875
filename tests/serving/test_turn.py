from time import perf_counter

import pytest

from endolink.model.errors import Abandoned, DeadlineExceeded
from endolink.serving.turn import Turn


def test_a_turn_goes_no_further_for_nobody_nor_too_late() -> None:
    turn = Turn("interactive", "", perf_counter() + 60)
    turn.check("inference")
    turn.abandoned = True
    with pytest.raises(Abandoned):
        turn.check("inference")
    with pytest.raises(DeadlineExceeded, match="before inference"):
        Turn("interactive", "", perf_counter()).check("inference")


def test_a_turn_takes_on_the_times_of_what_it_is_used_for() -> None:
    turn = Turn("bulk", "somebody", None)
    arrived = perf_counter() - 0.5
    turn.choose(arrived, arrived + 0.4)
    assert turn.admitted == arrived
    assert turn.waited_ms >= 500
    with pytest.raises(DeadlineExceeded):
        turn.check("inference")
