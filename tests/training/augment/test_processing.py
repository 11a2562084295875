import numpy as np
import pytest
from PIL import Image

from endolink.training.augment import processing


def _stripes() -> Image.Image:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, ::8] = 200
    pixels[:, 1::8] = 200
    return Image.fromarray(pixels + np.uint8(30))


def _edges(image: Image.Image) -> float:
    return float(np.abs(np.diff(np.asarray(image, float), axis=1)).max())


@pytest.mark.parametrize("change", [processing.blurred, processing.shrunk])
def test_blur_and_shrinking_soften(change: object) -> None:
    assert callable(change)
    softened = [_edges(change(_stripes(), np.random.default_rng(seed))) for seed in range(12)]
    assert np.median(softened) < _edges(_stripes())
    assert max(softened) <= _edges(_stripes())


def test_sharpening_steepens_edges() -> None:
    soft = _stripes().resize((32, 32)).resize((64, 64))
    for seed in range(5):
        assert _edges(processing.sharpened(soft, np.random.default_rng(seed))) > _edges(soft)


def test_interlacing_shifts_every_other_line() -> None:
    changed = np.asarray(processing.interlaced(_stripes(), np.random.default_rng(0)))
    same = (changed == np.asarray(_stripes())).all(axis=(1, 2))
    assert 0.3 < same.mean() < 0.7


def test_noise_is_of_no_colour_and_codes_lose_little() -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    noisy = np.asarray(processing.noisy(grey, np.random.default_rng(1)), int)
    assert noisy.std() > 1.5
    assert (noisy.max(axis=2) == noisy.min(axis=2)).all()
    coded = np.asarray(processing.reencoded(_stripes(), np.random.default_rng(1)), int)
    assert 0 < np.abs(coded - np.asarray(_stripes(), int)).mean() < 25
