import numpy as np
import pytest

from endolink.model.activation import bound
from endolink.model.frame import Frame
from endolink.model.preprocess import Placement


def _frame(width: int, height: int, scale: int = 1) -> Frame:
    pixels = np.zeros((height // scale, width // scale, 3), np.uint8)
    return Frame(pixels, width, height, "0" * 64)


def test_the_box_holds_the_peak_and_not_a_weaker_piece() -> None:
    activation = np.full((7, 7), -2.0, np.float32)
    activation[1, 5] = 6.0
    activation[5, 1] = 1.0
    x0, y0, x1, y1 = bound(activation, Placement(0, 0, 1.0), 224, _frame(224, 224))
    # The cell (1, 5) of 7 × 7 covers 160..192 × 32..64.
    assert x0 < 176 < x1
    assert y0 < 48 < y1
    assert x1 - x0 < 60
    assert y1 - y0 < 60


def test_it_is_in_the_original_frames_pixels() -> None:
    activation = np.zeros((7, 7), np.float32)
    activation[3, 3] = 1.0
    # The view starts at (100, 20) of a frame decoded at 1/4, and was enlarged twofold.
    box = bound(activation, Placement(100, 20, 2.0), 224, _frame(1920, 1080, scale=4))
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    assert centre == pytest.approx(((112 / 2 + 100) * 4, (112 / 2 + 20) * 4), abs=8)


@pytest.mark.parametrize("value", [0.0, -3.0, 5.0])
def test_a_flat_map_speaks_for_the_whole_view(value: float) -> None:
    activation = np.full((7, 7), value, np.float32)
    box = bound(activation, Placement(0, 0, 1.0), 224, _frame(224, 200))
    assert box == (0, 0, 224, 200)


def test_it_never_leaves_the_frame() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        activation = rng.normal(size=(7, 7)).astype(np.float32)
        x0, y0, x1, y1 = bound(activation, Placement(-40, -10, 0.7), 224, _frame(200, 100))
        assert 0 <= x0 < x1 <= 200
        assert 0 <= y0 < y1 <= 100
