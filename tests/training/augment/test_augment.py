from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from endolink.training.augment import Augment
from endolink.training.augment.augment import Pixels

FILL = (124, 116, 104)
CHANGES = tuple(
    field.name for field in fields(Augment) if field.name not in {"size", "fill", "zoom"}
)
NEVER = dict.fromkeys(CHANGES, 0.0)
NOWHERE = np.zeros((64, 64), np.uint8)


def _making(**chances: float) -> Augment:
    """Make these changes, as often as said, and no others."""
    chance: dict[str, Any] = NEVER | chances
    return replace(Augment(48, FILL), **chance)


def _square() -> Pixels:
    square = np.zeros((64, 64, 4), np.uint8)
    square[:, :, 0] = np.linspace(60, 250, 64)
    square[:, :, 1] = np.linspace(40, 160, 64)[:, None]
    square[16:40, 20:44, :3] += 40
    square[:, :, 3] = 255
    square[:, :8] = (*FILL, 0)
    return square


def test_the_same_seed_gives_the_same_picture_and_another_one_another() -> None:
    augment = Augment(48, FILL)
    one, same, other = (
        augment(_square(), NOWHERE, np.random.default_rng(seed)).pixels for seed in (1, 1, 2)
    )
    assert one.shape == (48, 48, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_what_the_view_step_blanked_stays_blank_through_every_change() -> None:
    square = _square()
    square[:, :, 3] = 0
    always = _making(**{**dict.fromkeys(CHANGES, 1.0), "inset": 0.0, "text": 0.0})
    for seed in range(20):
        assert (always(square, NOWHERE, np.random.default_rng(seed)).pixels == FILL).all()


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_alone_changes_the_picture(change: str) -> None:
    plain, changed = _making(), _making(**{change: 1.0})
    differ = 0
    for seed in range(10):
        # The place of the picture is drawn first: both have the same.
        before = plain(_square(), NOWHERE, np.random.default_rng(seed)).pixels
        after = changed(_square(), NOWHERE, np.random.default_rng(seed)).pixels
        differ += not np.array_equal(before, after)
    assert differ >= 7


def test_the_outline_moves_with_the_picture() -> None:
    square = np.full((64, 64, 4), (60, 60, 60, 255), np.uint8)
    square[20:44, 10:30, :3] = 200
    outline = np.where(square[..., 0] == 200, np.uint8(255), np.uint8(0))
    augment = _making()
    for seed in range(20):
        changed = augment(square, outline, np.random.default_rng(seed))
        lesion, inside = changed.pixels[..., 0] > 160, changed.outline > 127
        assert (lesion ^ inside).mean() < 0.03


def test_what_hides_a_lesion_is_taken_out_of_its_outline() -> None:
    square = np.full((64, 64, 4), (200, 90, 80, 255), np.uint8)
    everywhere = np.full((64, 64), 255, np.uint8)
    augment = _making(inset=1.0, scope=1.0)
    hidden = 0
    for seed in range(20):
        changed = augment(square, everywhere, np.random.default_rng(seed), (0.7, 0.7))
        blank = (changed.pixels == FILL).all(axis=2)
        assert not (changed.outline[blank] > 127).any()
        hidden += bool((changed.outline <= 127).any())
    assert hidden >= 18


def test_boxes_are_painted_both_as_blanked_and_as_missed() -> None:
    augment = _making(inset=1.0)
    square = np.full((64, 64, 4), 255, np.uint8)
    plain = _making()
    blanked = missed = 0
    for seed in range(60):
        before = plain(square, NOWHERE, np.random.default_rng(seed)).pixels
        after = augment(square, NOWHERE, np.random.default_rng(seed)).pixels
        painted = after[(before != after).any(axis=2)]
        if len(painted):
            blank = bool((painted == FILL).all())
            blanked, missed = blanked + blank, missed + (not blank)
    assert blanked >= 15
    assert missed >= 12
