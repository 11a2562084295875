import numpy as np
from PIL import Image

from endolink.training.augment import light


def _tissue() -> Image.Image:
    pixels = np.empty((48, 48, 3), np.uint8)
    pixels[:] = (180, 95, 80)
    pixels[:, 24:] = (210, 130, 110)
    return Image.fromarray(pixels)


def test_tones_keep_what_is_lighter_lighter() -> None:
    for seed in range(20):
        toned = np.asarray(light.toned(_tissue(), np.random.default_rng(seed)), int)
        assert (toned[:, 24:].mean((0, 1)) >= toned[:, :24].mean((0, 1)) - 1).all()


def test_casts_part_tissue_from_its_red() -> None:
    ratios = []
    for seed in range(40):
        red, green, _ = np.asarray(light.cast(_tissue(), np.random.default_rng(seed))).mean((0, 1))
        ratios.append(red / green)
    assert min(ratios) < 1.1
    assert max(ratios) > 1.6


def test_halation_lights_and_glints_are_white() -> None:
    for seed in range(10):
        lit = np.asarray(light.halated(_tissue(), np.random.default_rng(seed)), int)
        assert lit.std() > np.asarray(_tissue()).std() * 0.5
        glinting = np.asarray(light.glints(_tissue(), np.random.default_rng(seed)))
        assert (glinting.min(axis=2) > 200).any()
