import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from endolink.model.inset import find_insets

Box = tuple[int, int, int, int]
SIZE = (200, 160)


def _tissue() -> NDArray[np.uint8]:
    rng = np.random.default_rng(5)
    rough = Image.fromarray(rng.integers(0, 256, (10, 12, 3), np.uint8)).resize(
        SIZE, Image.Resampling.BICUBIC
    )
    smooth = np.asarray(rough.filter(ImageFilter.GaussianBlur(3)), np.float32) / 255
    return (np.array([150, 90, 70]) + smooth * np.array([80, 60, 50])).astype(np.uint8)


def _find(colours: NDArray[np.uint8]) -> list[Box]:
    lit = colours.max(axis=2) > 12
    return find_insets(colours, lit, np.zeros(lit.shape, bool))


def _overlap(one: Box, other: Box) -> float:
    x0, y0 = np.maximum(one[:2], other[:2])
    x1, y1 = np.minimum(one[2:], other[2:])
    shared = max(0, x1 - x0) * max(0, y1 - y0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return float(shared / (areas - shared))


@pytest.mark.parametrize("colour", [(0, 0, 0), (20, 130, 60), (30, 50, 150), (240, 240, 240)])
@pytest.mark.parametrize("box", [(0, 110, 60, 160), (150, 0, 200, 40), (140, 115, 200, 160)])
def test_a_plain_rectangle_in_a_corner_is_found(colour: tuple[int, int, int], box: Box) -> None:
    picture = _tissue()
    x0, y0, x1, y1 = box
    picture[y0:y1, x0:x1] = colour
    assert max((_overlap(found, box) for found in _find(picture)), default=0) > 0.85


def test_tissue_alone_has_none() -> None:
    assert _find(_tissue()) == []


def test_darkness_has_none() -> None:
    assert _find(np.zeros((*SIZE[::-1], 3), np.uint8)) == []


def test_most_of_the_picture_is_no_inset() -> None:
    picture = _tissue()
    picture[:, :150] = (20, 130, 60)
    area = picture.shape[0] * picture.shape[1]
    assert all((x1 - x0) * (y1 - y0) < 0.5 * area for x0, y0, x1, y1 in _find(picture))
