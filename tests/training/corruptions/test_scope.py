import numpy as np
import pytest

from endolink.model.view import find_view
from endolink.training.corruptions.scope import mask, off_centre, turn
from tests.training.corruptions.frames import lit_frame


@pytest.mark.parametrize("kept", [0.95, 0.8])
def test_a_mask_keeps_the_share_asked_for(kept: float) -> None:
    frame = lit_frame()
    view = find_view(frame)
    for seed in range(8):
        masked = mask(frame, view, kept, np.random.default_rng(seed))
        shown = masked.pixels[view.mask].any(axis=1).mean()
        assert shown == pytest.approx(kept, abs=0.02)
        assert find_view(masked).found


@pytest.mark.parametrize("beyond", [0.0, 0.12])
def test_off_centre_is_wide_black_and_cut_as_far_as_asked(beyond: float) -> None:
    frame = lit_frame()
    view = find_view(frame)
    before = view.mask.sum()
    sides = set()
    for seed in range(8):
        moved = off_centre(frame, view, beyond, np.random.default_rng(seed))
        assert moved.width / moved.height == pytest.approx(16 / 9, abs=0.02)
        assert (moved.width, moved.height) == moved.pixels.shape[1::-1]
        after = find_view(moved)
        sides.add(after.box[0] > moved.width / 2 - view.box[2] / 2)
        assert after.mask.sum() == pytest.approx(before * (1 - 1.5 * beyond), rel=0.08)
    assert sides == {True, False}


def test_a_mirrored_frame_has_the_same_pixels_and_a_turned_one_the_same_tissue() -> None:
    frame = lit_frame()
    view = find_view(frame)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        mirrored = turn(frame, view, "mirror", rng).pixels
        assert not np.array_equal(mirrored, frame.pixels)
        assert np.array_equal(np.sort(mirrored, None), np.sort(frame.pixels, None))
        quarter = turn(frame, view, "quarter", np.random.default_rng(seed))
        assert sorted(quarter.pixels.shape[:2]) == sorted(frame.pixels.shape[:2])
        turned = turn(frame, view, "any angle", np.random.default_rng(seed))
        lit = (turned.pixels > 20).any(2).sum() / (frame.pixels > 20).any(2).sum()
        assert lit == pytest.approx(1.0, abs=0.02)
