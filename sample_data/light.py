"""From surfaces to a picture: the scope's two lamps, its lens and its camera."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from endolink.sample_data.bowel import Array, Bowel, Hits
from endolink.sample_data.scene import Scene
from endolink.sample_data.tissue import Surface

_LAMPS = ((-0.09, 0.02, -0.02), (0.10, 0.03, -0.02))


def _roughen(normal: Array, hits: Hits, relief: Array) -> Array:
    """Tilt normals by a height given per pixel.

    Mikkelsen, "Bump mapping unparametrized surfaces on the GPU", 2010: the surface gradient of
    the height from the derivatives of position and height across the screen.
    """
    position = hits.position
    down, right = np.gradient(position, axis=(1, 2))
    rise_down, rise_right = np.gradient(relief)
    first = np.cross(down, normal, axis=0)
    second = np.cross(normal, right, axis=0)
    area = np.sum(right * first, axis=0)
    # Across a fold's silhouette neighbouring pixels are not neighbours on the surface.
    steady = np.abs(area) > 1e-9
    gradient = (first * rise_right + second * rise_down) / np.where(steady, area, 1.0)
    gradient *= steady
    length = np.linalg.norm(gradient, axis=0)
    gradient *= np.minimum(1.0, 0.9 / np.maximum(length, 1e-9))
    tilted = normal - gradient
    unit: Array = (tilted / np.maximum(np.linalg.norm(tilted, axis=0), 1e-9)).astype(np.float32)
    return unit


def _shelter(bowel: Bowel, position: Array, normal: Array) -> Array:
    """Measure how open the surroundings are, 0.4 to 1: the shade in creases and by lumps."""
    reach = np.float32(0.12)
    gap = bowel.gap(*(position + normal * reach))
    openness: Array = 0.4 + 0.6 * np.clip(gap / (np.float32(0.9) * reach), 0, 1)
    return openness


def illuminate(bowel: Bowel, hits: Hits, normal: Array, surface: Surface) -> Array:
    """Light the surfaces: linear radiance, H x W x 3.

    Diffuse light that falls off with the square of distance, and highlights from a wet film
    after Phong, "Illumination for computer generated pictures", Communications of the ACM 18,
    1975.
    """
    position = hits.position
    rough = _roughen(normal, hits, surface.relief)
    openness = _shelter(bowel, position, normal)
    diffuse = np.zeros(position.shape[1:], np.float32)
    shine = np.zeros_like(diffuse)
    for lamp in _LAMPS:
        at = (hits.origin + np.array(lamp)).astype(np.float32)[:, None, None]
        towards = at - position
        squared = np.sum(towards * towards, axis=0)
        towards = towards / np.sqrt(squared + 1e-9)
        facing = np.sum(rough * towards, axis=0)
        # Light scattered inside the mucosa softens the terminator.
        falloff = 0.5 / (0.10 + squared)
        diffuse += falloff * np.maximum(facing + 0.5, 0) / 1.5
        half = towards - hits.direction
        half = half / np.maximum(np.linalg.norm(half, axis=0), 1e-9)
        mirror = np.maximum(np.sum(rough * half, axis=0), 0)
        shine += falloff * (2.6 * mirror**700 + 0.012 * mirror**30)
    # Light that has met the wall before comes back redder.
    bounce = 0.045 / (0.4 + hits.distance)
    radiance = surface.albedo * (diffuse * openness)[..., None]
    radiance += surface.albedo**1.5 * (bounce * openness)[..., None]
    radiance = radiance + (shine * surface.gloss)[..., None] * np.array(
        [1.0, 0.97, 0.92], np.float32
    )
    lit: Array = radiance * hits.reached[..., None]
    return lit


def foam(scene: Scene, hits: Hits, radiance: Array) -> Array:
    """Lay bubbles on the surfaces: a bright rim, a clearer middle, a glint towards the lamps."""
    if scene.bubbles == 0:
        return radiance
    rng = np.random.default_rng([scene.seed, 5])
    height, width = hits.distance.shape
    frothy = radiance.copy()
    # Foam gathers: bubbles scatter round a few middles in the lower part of the view.
    middles = rng.uniform((0.25, 0.5), (0.8, 0.8), (4, 2))
    for _ in range(scene.bubbles):
        fx, fy = middles[rng.integers(4)] + rng.normal(0, 0.07, 2)
        size = rng.gamma(2.0, 0.011)
        cx, cy = int(fx * width), int(fy * height)
        if not (0 <= cx < width and 0 <= cy < height):
            continue
        radius = float(np.clip(size * height / max(float(hits.distance[cy, cx]), 0.4), 2.0, 40.0))
        pad = int(radius) + 2
        x0, x1 = max(cx - pad, 0), min(cx + pad, width)
        y0, y1 = max(cy - pad, 0), min(cy + pad, height)
        dy, dx = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        dx, dy = (dx - cx) / radius, (dy - cy) / radius
        rim = np.hypot(dx, dy)
        inside = np.clip((1.05 - rim) * radius / 2, 0, 1)
        patch = frothy[y0:y1, x0:x1]
        level = float(patch.mean()) + 1e-6
        ring = np.exp(-(((rim - 0.86) / 0.11) ** 2))
        glint = np.exp(-((dx + 0.35) ** 2 + (dy + 0.4) ** 2) / 0.02)
        gain = 1 - 0.18 * inside
        added = inside * level * (1.1 * ring + 5.0 * glint + 0.5 * np.clip(dy, 0, 1) * ring)
        frothy[y0:y1, x0:x1] = patch * gain[..., None] + added[..., None] * np.array(
            [1.0, 0.95, 0.75], np.float32
        )
    return frothy


def expose(scene: Scene, radiance: Array) -> NDArray[np.uint8]:
    """Take the picture: automatic exposure on the view, vignette, blur, noise, tone curve."""
    height, width = radiance.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = (1 - 0.22 * np.minimum(x * x + y * y, 1.8)).astype(np.float32)
    light = radiance * vignette[..., None]
    brightness = light @ np.array([0.30, 0.59, 0.11], np.float32)
    key = float(np.mean(np.minimum(brightness, np.quantile(brightness, 0.9))))
    tone = 1 - np.exp(-light * np.float32(0.27 * scene.gain / max(key, 1e-6)))
    # Every camera softens a little; then it sharpens what is left.
    tone = ndimage.gaussian_filter(tone, (0.6, 0.6, 0))
    if scene.blur:
        tone = ndimage.gaussian_filter(tone, (scene.blur, scene.blur, 0))
    if scene.smear:
        tone = ndimage.uniform_filter1d(tone, max(1, round(scene.smear)), axis=1)
    picture = np.clip(tone, 0, 1) ** np.float32(1 / 2.2)
    # The processor's contrast curve deepens the shadows and the reds with them.
    picture = 0.25 * picture + 0.75 * picture * picture * (3 - 2 * picture)
    # The sensor's noise changes from one frame of a clip to the next.
    moment = round((scene.camera.travel + 2.0) * 1e4)
    grain = np.random.default_rng([scene.seed, 6, moment]).standard_normal((height, width, 3))
    picture += ndimage.gaussian_filter(grain, (0.7, 0.7, 0)).astype(np.float32) * np.float32(0.012)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def recompress(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the pixels as they come back from a JPEG of this quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as decoded:
        return np.asarray(decoded.convert("RGB"))
