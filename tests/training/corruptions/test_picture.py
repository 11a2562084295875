import io

import numpy as np
from PIL import Image
from scipy import ndimage

from endolink.model.view import find_view
from endolink.training.corruptions.picture import (
    colour,
    compress,
    glare,
    interlace,
    sharpen,
    shrink,
    smear,
)
from tests.training.corruptions.frames import lit_frame

FRAME = lit_frame()
VIEW = find_view(FRAME)


def _rng() -> np.random.Generator:
    return np.random.default_rng(5)


def _detail(pixels: np.ndarray) -> float:
    """Measure the fine detail inside the view."""
    grey = pixels.astype(float).mean(2)
    inside = ndimage.binary_erosion(VIEW.mask, iterations=8)
    return float(np.abs(ndimage.laplace(grey))[inside].mean())


def test_a_cast_shifts_colours_within_its_bound_and_leaves_black_black() -> None:
    means = FRAME.pixels[VIEW.mask].mean(0)
    for most in (0.08, 0.3):
        cast = colour(FRAME, VIEW, most, _rng()).pixels
        moved = np.abs(np.log(cast[VIEW.mask].mean(0) / means)).max()
        assert 0.2 * most < moved < 4 * most
        assert not cast[~VIEW.mask].any()


def test_sharpening_adds_detail_and_motion_takes_it_along_one_direction() -> None:
    rough = np.random.default_rng(0).integers(0, 40, FRAME.pixels.shape[:2], np.uint8)
    pixels = np.where(VIEW.mask[:, :, None], FRAME.pixels // 2 + rough[:, :, None], 0)
    frame = type(FRAME)(pixels.astype(np.uint8), 360, 288, "1" * 64)
    plain = _detail(frame.pixels)
    mild, strong = (_detail(sharpen(frame, VIEW, p, _rng()).pixels) for p in (80, 300))
    assert plain < mild < strong
    little, much = (_detail(smear(frame, VIEW, s, _rng()).pixels) for s in (0.01, 0.04))
    assert much < little < plain
    assert np.array_equal(
        smear(frame, VIEW, 0.04, _rng()).pixels[~VIEW.mask], frame.pixels[~VIEW.mask]
    )


def test_poorer_pictures_have_the_size_and_quality_asked_for() -> None:
    small = shrink(FRAME, VIEW, 160, _rng())
    assert (small.width, small.height) == (200, 160)
    assert small.pixels.shape == (160, 200, 3)
    assert shrink(FRAME, VIEW, 999, _rng()).height == 288
    poor, good = (compress(FRAME, VIEW, quality, _rng()) for quality in (30, 90))
    assert Image.open(io.BytesIO(poor)).format == "JPEG"
    assert len(poor) < len(good)


def test_fields_are_apart_in_every_other_row_only() -> None:
    combed = interlace(FRAME, VIEW, 0.02, _rng()).pixels
    assert np.array_equal(combed[::2], FRAME.pixels[::2])
    assert (combed[1::2] != FRAME.pixels[1::2]).any(2)[:, 100:260].mean() > 0.3


def test_more_glare_burns_out_more_and_only_what_was_lit() -> None:
    burnt = [
        (glare(FRAME, VIEW, count, _rng()).pixels.min(2) > 250).mean() for count in (5, 12, 25)
    ]
    assert 0 < burnt[0] < burnt[1] < burnt[2] < 0.1
    assert not glare(FRAME, VIEW, 25, _rng()).pixels[~VIEW.mask].any()
