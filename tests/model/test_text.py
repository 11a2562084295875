import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from endolink.model.text import find_texts

GROUND = 60


def _written(text: str, at: tuple[int, int], height: int) -> NDArray[np.uint8]:
    picture = Image.new("L", (480, 360), GROUND)
    font = ImageFont.load_default(height)
    ImageDraw.Draw(picture).text(at, text, fill=230, font=font)
    return np.asarray(picture)


def _find(light: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    return find_texts(light, np.full_like(light, GROUND))


@pytest.mark.parametrize("at", [(5, 5), (200, 170), (300, 330)])
def test_a_line_is_bounded_whole_and_little_else(at: tuple[int, int]) -> None:
    light = _written("12/08/2019 MILLER", at, 14)
    ink = light > GROUND + 40
    covered = np.zeros(light.shape, bool)
    for x0, y0, x1, y1 in _find(light):
        covered[y0:y1, x0:x1] = True
    assert covered[ink].mean() > 0.95
    rows, columns = np.nonzero(ink)
    assert covered.sum() < 2.5 * np.ptp(rows) * np.ptp(columns)


def test_an_empty_picture_has_none() -> None:
    assert _find(np.full((360, 480), GROUND, np.uint8)) == []


def test_single_highlights_are_not_text() -> None:
    picture = Image.new("L", (480, 360), GROUND)
    draw = ImageDraw.Draw(picture)
    rng = np.random.default_rng(3)
    for x, y in rng.uniform(40, 320, (12, 2)):
        draw.ellipse((x, y, x + rng.uniform(2, 9), y + rng.uniform(2, 7)), fill=250)
    light = np.asarray(picture)
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in _find(light))
    assert covered < 0.005 * light.size


def test_letters_taller_than_a_line_are_left_to_others() -> None:
    assert _find(_written("HELLO", (60, 100), 120)) == []
