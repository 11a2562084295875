from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from endolink.sample_data import tissue
from endolink.sample_data.bowel import Array, Bowel, cast, normals
from endolink.sample_data.scene import Camera, Polyp, Scene
from endolink.sample_data.tissue import Surface, clothe

PLAIN = Scene(seed=3)
POLYP = replace(PLAIN, polyp=Polyp(angle=70, depth=0.95, size=0.6))


def _clothe(scene: Scene) -> Surface:
    bowel = Bowel(scene)
    hits = cast(bowel, scene.camera, 96, 80)
    return clothe(scene, bowel, hits, normals(bowel.gap, hits.position))


def _green(surface: Surface) -> Array:
    """Green over red: low where the surface is red."""
    share: Array = surface.albedo[..., 1] / surface.albedo[..., 0]
    return share


@pytest.mark.parametrize("tint", ["salmon", "orange", "pale", "dusky"])
def test_a_polyp_is_redder_than_the_mucosa_round_it(tint: str) -> None:
    surface = _clothe(replace(POLYP, tint=tint))  # type: ignore[arg-type]
    share = _green(surface)
    assert 0.02 < surface.polyp.mean() < 0.2
    assert share[surface.polyp].mean() < 0.85 * share[~surface.polyp].mean()
    assert not _clothe(PLAIN).polyp.any()


def test_blood_spreads_with_its_share_and_is_red() -> None:
    some, more = (_clothe(replace(PLAIN, blood=blood)) for blood in (0.3, 0.8))
    assert not _clothe(PLAIN).blood.any()
    assert 0.05 < some.blood.mean() < more.blood.mean() < 0.8
    for surface in (some, more):
        share = _green(surface)
        assert share[surface.blood].max() < share[~surface.blood].mean()
        assert surface.gloss[surface.blood].min() > 1


def test_the_fouler_the_bowel_the_darker_the_rougher_and_the_duller() -> None:
    bowels = [
        _clothe(replace(PLAIN, soiling=soiling))
        for soiling in ("clean", "residue", "poor", "impacted")
    ]
    for cleaner, fouler in pairwise(bowels):
        assert fouler.albedo.mean() < cleaner.albedo.mean()
        assert np.abs(fouler.relief).mean() > np.abs(cleaner.relief).mean()
        assert fouler.gloss.mean() < cleaner.gloss.mean()


def test_the_material_stays_on_the_wall_when_the_scope_rolls() -> None:
    upright = _clothe(PLAIN)
    rolled = _clothe(replace(PLAIN, camera=Camera(roll=180)))
    other = _clothe(replace(PLAIN, seed=4, camera=Camera(roll=180)))
    assert np.median(np.abs(upright.albedo - rolled.albedo[::-1, ::-1])) < 0.002
    assert np.median(np.abs(upright.albedo - other.albedo[::-1, ::-1])) > 0.01
    assert upright.albedo.min() >= 0
    assert upright.albedo.max() <= 1


def test_the_vessel_tile_has_no_seam_and_is_drawn_alike_again() -> None:
    tile = tissue._vessel_tile(3)
    for axis in (0, 1):
        steps = np.abs(np.diff(tile, axis=axis))
        seam = np.abs(np.take(tile, 0, axis) - np.take(tile, -1, axis))
        assert seam.max() <= steps.max()
    assert 0 < np.count_nonzero(tile > 0.3) < 0.2 * tile.size
    tissue._vessel_tile.cache_clear()
    assert (tissue._vessel_tile(3) == tile).all()
