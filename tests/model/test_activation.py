import numpy as np
import pytest

from endolink.model.activation import bound, peak, shade
from endolink.model.frame import Frame
from endolink.model.preprocess import Placement
from endolink.model.view import View


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


def test_the_peak_is_the_pixel_of_the_frame_that_speaks_most() -> None:
    activation = np.zeros((7, 7), np.float32)
    activation[1, 5] = 3.0
    placement = Placement(100, 20, 2.0)
    x, y = peak(activation, placement, 224, _frame(1920, 1080, scale=4))
    # The cell (1, 5) of 7 × 7 is centred on (176, 48) of the square.
    assert x == pytest.approx((176 / 2 + 100) * 4, abs=8)
    assert y == pytest.approx((48 / 2 + 20) * 4, abs=8)
    x0, y0, x1, y1 = bound(activation, placement, 224, _frame(1920, 1080, scale=4))
    assert x0 <= x < x1
    assert y0 <= y < y1


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


def test_a_heatmap_covers_the_view_and_peaks_where_the_map_does() -> None:
    activation = np.zeros((7, 7), np.float32)
    activation[3, 5] = 4.0
    # A view of 112 × 84 at (10, 20) of a frame decoded at 1/4, enlarged twofold: 224 × 168.
    view = View((10, 20, 122, 104), np.ones((120, 160), np.bool_))
    frame = _frame(640, 480, scale=4)
    shades, box = shade(activation, Placement(10, 20 - 14, 2.0), 224, view, frame)
    assert box == (40, 80, 488, 416)
    assert shades.shape == (168 // 4, 224 // 4)
    assert (shades.dtype, shades.min(), shades.max()) == (np.uint8, 0, 255)
    y, x = np.unravel_index(int(shades.argmax()), shades.shape)
    assert x == pytest.approx(5.5 * 8, abs=2)
    assert y == pytest.approx(3.5 * 8 - 28 / 4, abs=2)


def test_a_flat_map_shades_nothing() -> None:
    view = View((0, 0, 224, 224), np.ones((224, 224), np.bool_))
    flat = np.full((7, 7), 3.0, np.float32)
    shades, _ = shade(flat, Placement(0, 0, 1.0), 224, view, _frame(224, 224))
    assert not shades.any()
