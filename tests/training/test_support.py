import numpy as np

from endolink.training.metrics import Judged
from endolink.training.support import thin


def _judged(groups: list[str], present: list[bool], known: list[bool] | None = None) -> Judged:
    column = np.array(present)[:, None]
    sure = np.ones_like(column) if known is None else np.array(known)[:, None]
    chances = np.where(column, 0.9, 0.1)
    return Judged(("bleeding",), column, sure, chances, chances >= 0.5, tuple(groups))


def test_a_side_that_one_scene_makes_up_is_told() -> None:
    [said] = thin(_judged([*"abcdef", *["burst"] * 200], [True] * 6 + [False] * 200))
    assert "the 200 frames without it are of 1 group" in said
    assert said.startswith("bleeding")
    assert "specificity" in said


def test_enough_groups_are_not_spoken_of_nor_is_a_side_without_frames() -> None:
    assert thin(_judged([*"abcdefghij"], [True] * 5 + [False] * 5)) == ()
    assert thin(_judged([*"abcde"], [True] * 5)) == ()


def test_undecided_frames_bear_witness_to_nothing() -> None:
    groups, present = [*"abcdefghij"], [True] * 5 + [False] * 5
    [said] = thin(_judged(groups, present, [False] * 2 + [True] * 8))
    assert "the 3 frames that show it are of 3 groups: its sensitivity" in said
