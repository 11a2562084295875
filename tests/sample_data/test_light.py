from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from endolink.sample_data.bowel import Array, Bowel, Hits, cast, normals
from endolink.sample_data.light import expose, foam, illuminate, recompress
from endolink.sample_data.scene import Camera, Scene
from endolink.sample_data.tissue import Surface

PLAIN = Scene(seed=3)
GREY = np.full((80, 96, 3), 0.3, np.float32)


@pytest.fixture(scope="module")
def seen() -> tuple[Bowel, Hits, Array]:
    bowel = Bowel(PLAIN)
    hits = cast(bowel, PLAIN.camera, 96, 80)
    return bowel, hits, normals(bowel.gap, hits.position)


def _plaster(gloss: float) -> Surface:
    """One smooth grey material everywhere: only the light is left to differ."""
    nothing = np.zeros((80, 96), np.bool_)
    flat = np.zeros((80, 96), np.float32)
    return Surface(np.full((80, 96, 3), 0.5, np.float32), flat, flat + gloss, nothing, nothing)


def test_light_falls_off_with_distance(seen: tuple[Bowel, Hits, Array]) -> None:
    bowel, hits, normal = seen
    radiance = illuminate(bowel, hits, normal, _plaster(0.0))
    edges = [0.0, 1.0, 2.0, 4.0, 14.0]
    shells = [
        float(radiance[hits.reached & (low <= hits.distance) & (hits.distance < high)].mean())
        for low, high in pairwise(edges)
    ]
    assert shells == sorted(shells, reverse=True)
    # Some 0.8 and 2.6 radii away: with the square of distance, about a tenth.
    assert 4 < shells[0] / shells[2] < 16
    assert radiance.min() >= 0
    nowhere = replace(hits, reached=np.zeros_like(hits.reached))
    assert illuminate(bowel, nowhere, normal, _plaster(1.0)).max() == 0


def test_a_wet_film_adds_few_bright_highlights(seen: tuple[Bowel, Hits, Array]) -> None:
    bowel, hits, normal = seen
    dry, wet = (illuminate(bowel, hits, normal, _plaster(gloss)) for gloss in (0.0, 1.0))
    added = wet - dry
    assert added.min() >= 0
    assert added.max() > dry.max()
    assert (added.max(axis=2) > 0.5 * dry.max()).mean() < 0.05


def test_the_camera_meters_the_view_and_the_lens_darkens_its_corners() -> None:
    picture = expose(PLAIN, GREY).astype(int)
    brighter = expose(PLAIN, 4 * GREY).astype(int)
    assert np.abs(picture - brighter).max() <= 1
    middle = picture[36:44, 44:52].mean()
    for corner in (picture[:6, :6], picture[:6, -6:], picture[-6:, :6], picture[-6:, -6:]):
        assert 0.5 * middle < corner.mean() < 0.85 * middle
    levels = [expose(replace(PLAIN, gain=gain), GREY).mean() for gain in (0.0, 0.04, 1.0, 9.0)]
    assert levels == sorted(levels)
    assert levels[0] < 2
    assert levels[-1] > 245


def test_noise_is_the_same_for_a_moment_and_new_for_the_next() -> None:
    now, later = PLAIN, replace(PLAIN, camera=Camera(travel=0.01))
    first = expose(now, GREY)
    assert (expose(now, GREY) == first).all()
    difference = first.astype(int) - expose(later, GREY)
    assert 1 < difference.std() < 4
    assert abs(difference.mean()) < 0.2


def test_foam_gathers_below_and_catches_the_lamps(seen: tuple[Bowel, Hits, Array]) -> None:
    _, hits, _ = seen
    assert (foam(PLAIN, hits, GREY) == GREY).all()
    frothy = foam(replace(PLAIN, bubbles=150), hits, GREY)
    changed = np.abs(frothy - GREY).max(axis=2) > 0.01
    assert changed[40:].mean() > 0.1
    assert not changed[:13].any()
    assert frothy.max() > 3 * GREY.max()


def test_the_harder_a_jpeg_is_squeezed_the_more_is_lost() -> None:
    pixels = expose(PLAIN, GREY)
    lost = [
        np.abs(recompress(pixels, quality).astype(int) - pixels).mean() for quality in (95, 50, 10)
    ]
    assert 0 < lost[0] < lost[1] < lost[2] < 10
