import io

import numpy as np
import pytest
from PIL import Image

from endolink.model.frame import Frame, decode
from endolink.model.view import View, find_view
from endolink.training.stress import add_text, paint_inset, poorer, remove_inset, smaller
from tests.training.pictures import draw


def _frame() -> Frame:
    pixels = np.array(draw("polyp", 3, width=360, height=288))
    return Frame(pixels, 360, 288, "0" * 64)


@pytest.mark.parametrize("change", [paint_inset, add_text])
def test_a_change_paints_a_part_and_leaves_the_rest(change: object) -> None:
    assert callable(change)
    frame = _frame()
    changed = change(frame, find_view(frame), np.random.default_rng(0))
    share = (changed.pixels != frame.pixels).any(axis=2).mean()
    assert 0.001 < share < 0.25
    assert (changed.width, changed.height) == (360, 288)


def test_an_inset_is_painted_out_with_tissue() -> None:
    clean = _frame()
    pixels = clean.pixels.copy()
    pixels[180:260, 30:120] = 0
    mask = np.ones(pixels.shape[:2], bool)
    mask[180:260, 30:120] = False
    view = View((0, 0, 360, 288), mask, insets=((30, 180, 120, 260),))
    out = remove_inset(Frame(pixels, 360, 288, "0" * 64), view, np.random.default_rng(0))
    inside = out.pixels[185:255, 35:115].astype(float)
    assert abs(inside.mean((0, 1)) - clean.pixels[185:255, 35:115].mean((0, 1))).max() < 60
    assert (inside.max(axis=2) > 20).all()
    assert np.array_equal(out.pixels[:180], clean.pixels[:180])


def test_a_frame_without_inset_stays_as_it_was() -> None:
    frame = _frame()
    view = View((0, 0, 360, 288), np.ones((288, 360), bool))
    assert np.array_equal(remove_inset(frame, view, np.random.default_rng()).pixels, frame.pixels)


def test_poorer_pictures_have_the_size_and_quality_asked_for() -> None:
    frame = _frame()
    small = decode(smaller(frame, 96))
    assert (small.width, small.height) == (120, 96)
    assert decode(smaller(frame, 999)).height == 288
    again = Image.open(io.BytesIO(poorer(frame, 30)))
    assert again.format == "JPEG"
    assert len(poorer(frame, 30)) < len(poorer(frame, 90))
