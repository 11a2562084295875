import numpy as np
import pytest

from endolink.training.augment import Augment, Pixels

FILL = (124, 116, 104)
NEVER = {
    "colour": 0.0,
    "blur": 0.0,
    "jpeg": 0.0,
    "scope": 0.0,
    "inset": 0.0,
    "text": 0.0,
    "glint": 0.0,
}


def _square() -> Pixels:
    square = np.zeros((64, 64, 4), np.uint8)
    square[:, :, 0] = np.linspace(60, 250, 64)
    square[:, :, 3] = 255
    square[:, :8] = (*FILL, 0)
    return square


def test_the_same_seed_gives_the_same_picture_and_another_one_another() -> None:
    augment = Augment(48, FILL)
    one, same, other = (augment(_square(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (48, 48, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_what_the_view_step_blanked_stays_blank_through_every_change() -> None:
    square = _square()
    square[:, :, 3] = 0
    always = Augment(48, FILL, **{**dict.fromkeys(NEVER, 1.0), "inset": 0.0, "text": 0.0})
    for seed in range(20):
        assert (always(square, np.random.default_rng(seed)) == FILL).all()


@pytest.mark.parametrize("change", ["colour", "blur", "jpeg", "scope", "inset", "text", "glint"])
def test_each_change_alone_changes_the_picture(change: str) -> None:
    plain, changed = Augment(48, FILL, **NEVER), Augment(48, FILL, **{**NEVER, change: 1.0})
    differ = 0
    for seed in range(10):
        # The place of the picture is drawn first: both have the same.
        before = plain(_square(), np.random.default_rng(seed))
        differ += not np.array_equal(before, changed(_square(), np.random.default_rng(seed)))
    assert differ >= 8


def test_boxes_are_painted_both_as_blanked_and_as_missed() -> None:
    augment = Augment(48, FILL, **{**NEVER, "inset": 1.0})
    square = np.full((64, 64, 4), 255, np.uint8)
    plain = Augment(48, FILL, **NEVER)
    blanked = missed = 0
    for seed in range(60):
        before = plain(square, np.random.default_rng(seed))
        after = augment(square, np.random.default_rng(seed))
        painted = after[(before != after).any(axis=2)]
        if len(painted):
            blank = bool((painted == FILL).all())
            blanked, missed = blanked + blank, missed + (not blank)
    assert blanked >= 15
    assert missed >= 15
