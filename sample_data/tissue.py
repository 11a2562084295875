"""What the surfaces are made of: colour, relief and wetness of every point that a ray meets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from endolink.sample_data.bowel import Array, Bowel, Hits
from endolink.sample_data.scene import Scene

Mask = NDArray[np.bool_]
Coat = tuple[Array, Array, Array]  # albedo, relief, gloss

_VOLUME = 64
_TILE = 768

# Linear-light reflectances, chosen by eye.
_MUCOSA = {
    "salmon": (0.66, 0.205, 0.125),
    "orange": (0.70, 0.25, 0.075),
    "pale": (0.66, 0.29, 0.185),
    "dusky": (0.50, 0.165, 0.125),
}
_SMALL_BOWEL = (0.62, 0.36, 0.13)
_STOOL = (0.46, 0.205, 0.045)
_STOOL_DARK = (0.17, 0.075, 0.02)
_LIQUID = (0.42, 0.175, 0.022)
_BLOOD = (0.36, 0.010, 0.007)


@dataclass(frozen=True)
class Surface:
    """The material at each pixel.

    `albedo` H x W x 3 linear reflectance in [0, 1], `relief` H x W height above the smooth
    surface in lumen radii, `gloss` H x W strength of the wet reflection; `polyp` and `blood` mark
    the pixels that show them.
    """

    albedo: Array
    relief: Array
    gloss: Array
    polyp: Mask
    blood: Mask


@lru_cache(maxsize=4)
def _noise_volume(seed: int) -> Array:
    rng = np.random.default_rng([seed, 3])
    volume = rng.standard_normal((_VOLUME,) * 3).astype(np.float32)
    volume = ndimage.gaussian_filter(volume, 1.4, mode="wrap")
    smooth: Array = volume / volume.std()
    return smooth


def _noise(seed: int, at: Array, frequency: float, octaves: int = 1) -> Array:
    """Return smooth noise of zero mean and about unit deviation, features some 1/frequency wide."""
    volume = _noise_volume(seed)
    total = np.zeros(at.shape[1:], np.float32)
    for octave in range(octaves):
        # Cells of the volume are a quarter of a feature wide; the shift keeps octaves apart.
        where = at * np.float32(4.0 * frequency * 2**octave) + np.float32(17.3 * octave)
        layer: Array = ndimage.map_coordinates(volume, where, order=1, mode="grid-wrap")
        total += layer / np.float32(2**octave)
    return total


@lru_cache(maxsize=4)
def _vessel_tile(seed: int) -> Array:
    """Draw a tile, periodic both ways, of branching vessels: 0 none, 1 amid a trunk."""
    rng = np.random.default_rng([seed, 4])
    picture = Image.new("L", (_TILE, _TILE))
    draw = ImageDraw.Draw(picture)
    shoots = [(*rng.uniform(0, _TILE, 2), rng.uniform(0, 2 * np.pi), 3.4) for _ in range(16)]
    while shoots:
        x, y, heading, width = shoots.pop()
        for _ in range(int(rng.integers(14, 34))):
            heading += rng.normal(0, 0.3)
            nx, ny = x + 11 * np.cos(heading), y + 11 * np.sin(heading)
            for ox in (-_TILE, 0, _TILE):
                for oy in (-_TILE, 0, _TILE):
                    draw.line(
                        (x + ox, y + oy, nx + ox, ny + oy),
                        fill=min(255, int(70 + 45 * width)),
                        width=max(1, round(width)),
                    )
            x, y = nx % _TILE, ny % _TILE
            if width > 1.3 and rng.random() < 0.16:
                turn = rng.choice([-1, 1]) * rng.uniform(0.4, 0.9)
                shoots.append((x, y, heading + turn, width * 0.66))
            width *= 0.985
    tile = ndimage.gaussian_filter(np.asarray(picture, np.float32), 1.3, mode="wrap")
    return (tile / 255).astype(np.float32)


def _vessels(seed: int, bowel: Bowel, position: Array, normal: Array) -> Array:
    """Wrap the vessel tile round the tube, and lay it flat on what faces the scope."""
    tile = _vessel_tile(seed)
    x, y, z = position
    cx, cy = bowel.centre(z)
    scale = np.float32(_TILE / np.pi)
    around = np.arctan2(y - cy, x - cx) * scale
    tube = ndimage.map_coordinates(tile, np.stack([around, z * scale]), order=1, mode="grid-wrap")
    flat = ndimage.map_coordinates(
        tile, np.stack([x * scale, y * scale]), order=1, mode="grid-wrap"
    )
    facing = _step(np.abs(normal[2]), 0.55, 0.85)
    mixed: Array = tube * (1 - facing) + flat * facing
    return mixed


def _step(value: Array, low: float, high: float) -> Array:
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    smooth: Array = t * t * (3 - 2 * t)
    return smooth


def _blend(albedo: Array, colour: Array | tuple[float, float, float], share: Array) -> Array:
    mixed: Array = albedo + (np.asarray(colour, np.float32) - albedo) * share[..., None]
    return mixed


def clothe(scene: Scene, bowel: Bowel, hits: Hits, normal: Array) -> Surface:
    """Give every point met its material."""
    at = hits.position
    seed = scene.seed
    capsule = scene.site == "capsule"
    wall = np.abs(bowel.wall(*at))
    polyp_gap, stool_gap, pool_gap = bowel.polyp(*at), bowel.stool(*at), bowel.pool(at[1], at[2])
    nowhere = np.zeros(at.shape[1:], np.bool_)

    broad = _noise(seed, at, 0.9, 2)
    fine = _noise(seed, at + 5.0, 7.0, 2)
    base = np.array(_SMALL_BOWEL if capsule else _MUCOSA[scene.tint], np.float32)
    albedo = base * (1 + 0.06 * fine + 0.07 * broad)[..., None]
    albedo = albedo * (1 + broad[..., None] * np.array([-0.02, 0.10, 0.07], np.float32))
    vessels = _vessels(seed, bowel, at, normal) * _step(broad, -1.6, 0.9)
    if capsule:
        vessels = vessels * 0.25
    albedo = albedo * (1 - vessels[..., None] * np.array([0.24, 0.52, 0.40], np.float32))
    relief = 0.0024 * fine + 0.010 * _noise(seed, at + 9.0, 2.6) + 0.0013 * vessels
    relief = relief + 0.0010 * _noise(seed, at + 1.0, 19.0)
    gloss = np.ones(at.shape[1:], np.float32)
    if capsule:
        villi = _noise(seed, at + 2.0, 15.0)
        relief = relief + 0.0035 * villi
        albedo = albedo * (1 + 0.10 * villi)[..., None]
        gloss *= 0.35

    polyp = nowhere
    if polyp_gap is not None:
        polyp = hits.reached & (polyp_gap < wall) & (polyp_gap < 0.05)
        share = _step(wall - polyp_gap, -0.02, 0.05)
        # Pits and tubules: the head is redder than the mucosa and has no trunk vessels on it.
        pits = np.abs(_noise(seed, at + 3.0, 11.0))
        tone = np.array([1.03, 0.80, 0.84], np.float32) * base
        skin = tone * (0.84 + 0.22 * np.minimum(pits, 1.2) + 0.05 * broad)[..., None]
        albedo = _blend(albedo, skin, share)
        relief = relief + share * 0.003 * np.minimum(pits, 1.0)

    (albedo, relief, gloss), soiled = _soil(scene, at, stool_gap, wall, (albedo, relief, gloss))
    polyp = polyp & ~soiled
    if pool_gap is not None:
        under = _step(-pool_gap, -0.012, 0.004) * (stool_gap is None or stool_gap > 0.01)
        ripple = _noise(seed, at * np.array([1, 0, 1], np.float32)[:, None, None], 2.2, 2)
        tint = _BLOOD if scene.blood > 0.5 else _LIQUID
        foam = _step(_noise(seed, at + 4.0, 3.2, 3), 1.1, 1.7)
        liquid = np.asarray(tint, np.float32) * (1 + 0.12 * ripple)[..., None]
        liquid = _blend(liquid, (0.55, 0.40, 0.10) if scene.blood <= 0.5 else tint, foam * 0.8)
        albedo = _blend(albedo, liquid, under)
        relief = relief * (1 - under) + under * (0.004 * ripple + 0.012 * foam)
        polyp = polyp & (under < 0.5)
    (albedo, relief, gloss), blood = _bleed(scene, at, (albedo, relief, gloss))
    return Surface(
        np.clip(albedo, 0, 1).astype(np.float32),
        relief.astype(np.float32),
        gloss.astype(np.float32),
        polyp,
        blood & hits.reached,
    )


def _soil(
    scene: Scene, at: Array, lumps: Array | None, wall: Array, coat: Coat
) -> tuple[Coat, Mask]:
    """Spread stool: a film over part of the wall, thicker below, and the lumps themselves."""
    if scene.soiling == "clean":
        return coat, np.zeros(at.shape[1:], np.bool_)
    albedo, relief, gloss = coat
    seed = scene.seed
    settled = at[1] - np.float32(0.1)
    grain = _noise(seed, at + 21.0, 6.0, 3)
    if scene.soiling == "residue":
        thickness = _noise(seed, at + 12.0, 3.0, 2) + 0.35 * settled
        film = _step(thickness, 1.45, 1.75)
    else:
        reach = 0.15 if scene.soiling == "poor" else -0.9
        thickness = _noise(seed, at + 12.0, 0.8, 4) * 0.75 + 0.9 * settled
        film = _step(thickness + 0.12 * grain, reach, reach + 0.5)
        # A thin bile-stained veil lies beyond the film's edge.
        albedo = _blend(albedo, (0.55, 0.26, 0.06), 0.45 * _step(thickness, reach - 1.0, reach))
    if lumps is not None:
        film = np.maximum(film, _step(wall - lumps, -0.01, 0.03) * (lumps < 0.06))
    patch = _noise(seed, at + 31.0, 1.7, 2)
    colour = np.array(_STOOL, np.float32) * (1 + 0.16 * grain)[..., None]
    colour = _blend(colour, _STOOL_DARK, 0.75 * _step(patch + 0.5 * grain, 0.7, 2.2))
    colour = _blend(colour, (0.62, 0.34, 0.085), 0.6 * _step(-patch, 0.3, 1.5))
    albedo = _blend(albedo, colour, film)
    relief = relief * (1 - film) + film * (0.016 + 0.011 * grain + 0.012 * patch)
    gloss = gloss * (1 - 0.25 * film)
    return (albedo, relief, gloss), film > 0.5


def _bleed(scene: Scene, at: Array, coat: Coat) -> tuple[Coat, Mask]:
    """Bleed: streams that run down the wall and gather below."""
    if scene.blood == 0:
        return coat, np.zeros(at.shape[1:], np.bool_)
    albedo, relief, gloss = coat
    seed = scene.seed
    source = _noise(seed, at + 40.0, 0.55)
    # Noise drawn out along gravity makes runs rather than spots.
    drawn = at * np.array([1.0, 0.22, 1.0], np.float32)[:, None, None] + 47.0
    run = _noise(seed, drawn, 2.6, 2) + 0.8 * source + 0.5 * at[1]
    level = 2.3 - 3.0 * scene.blood
    wet = _step(run, level, level + 0.6)
    thick = _step(run, level + 0.2, level + 1.6)
    colour = np.array(_BLOOD, np.float32) * (1.25 - 0.55 * thick)[..., None]
    albedo = _blend(albedo, colour, wet * (0.82 + 0.18 * thick))
    relief = relief * (1 - 0.5 * wet) + 0.012 * wet
    return (albedo, relief, gloss * (1 + 0.6 * wet)), wet > 0.5
