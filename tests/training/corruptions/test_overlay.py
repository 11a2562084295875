import numpy as np
import pytest

from endolink.model.frame import Frame
from endolink.model.view import View, find_view
from endolink.training.corruptions.overlay import inset, instrument, remove_inset, text
from tests.training.corruptions.frames import lit_frame


def _share(one: Frame, other: Frame) -> float:
    return float((one.pixels != other.pixels).any(axis=2).mean())


def test_an_inset_grows_with_its_strength_and_comes_in_every_corner() -> None:
    frame = lit_frame()
    view = find_view(frame)
    corners = set()
    for seed in range(24):
        small, large = (
            inset(frame, view, share, np.random.default_rng(seed)) for share in (0.18, 0.34)
        )
        assert 0.01 < _share(small, frame) < _share(large, frame) < 0.2
        rows, columns = np.nonzero((large.pixels != frame.pixels).any(axis=2))
        corners.add((rows.mean() > 144, columns.mean() > 180))
    assert len(corners) == 4


def test_more_text_covers_more_and_still_little() -> None:
    frame = lit_frame()
    view = find_view(frame)
    for seed in range(4):
        few, many = (text(frame, view, lines, np.random.default_rng(seed)) for lines in (2, 9))
        assert 0 < _share(few, frame) < _share(many, frame) < 0.1


def test_an_instrument_comes_from_the_edge_and_stays_in_the_view() -> None:
    frame = lit_frame()
    view = find_view(frame)
    shares = []
    for seed in range(12):
        near, far = (
            instrument(frame, view, reach, np.random.default_rng(seed)) for reach in (0.2, 0.45)
        )
        assert 0.002 < _share(near, frame) < _share(far, frame) < 0.6
        assert np.array_equal(far.pixels[~view.mask], frame.pixels[~view.mask])
        shares.append(_share(far, frame))
    # Forceps and snares are thin, a cap goes all around.
    assert min(shares) < 0.08
    assert max(shares) > 0.3


def test_an_inset_is_painted_out_with_tissue() -> None:
    clean = lit_frame()
    pixels = clean.pixels.copy()
    pixels[180:260, 30:120] = 0
    mask = np.ones(pixels.shape[:2], bool)
    mask[180:260, 30:120] = False
    view = View((0, 0, 360, 288), mask, insets=((30, 180, 120, 260),))
    out = remove_inset(Frame(pixels, 360, 288, "0" * 64), view, "", np.random.default_rng(0))
    inside = out.pixels[185:255, 35:115].astype(float)
    assert abs(inside.mean((0, 1)) - clean.pixels[185:255, 35:115].mean((0, 1))).max() < 60
    assert (inside.max(axis=2) > 20).all()
    assert np.array_equal(out.pixels[:180], clean.pixels[:180])


def test_a_frame_without_inset_stays_as_it_was() -> None:
    frame = lit_frame()
    view = View((0, 0, 360, 288), np.ones((288, 360), bool))
    out = remove_inset(frame, view, "", np.random.default_rng())
    assert np.array_equal(out.pixels, frame.pixels)


@pytest.mark.parametrize("change", [inset, text, instrument])
def test_the_frames_own_pixels_are_left_alone(change: object) -> None:
    assert callable(change)
    frame = lit_frame()
    before = frame.pixels.copy()
    change(frame, find_view(frame), 3 if change is text else 0.3, np.random.default_rng(1))
    assert np.array_equal(frame.pixels, before)
