"""The phantom: a scene in, a frame and its ground truth out, the same bytes every time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from endolink.sample_data.bowel import Bowel, cast, normals
from endolink.sample_data.light import expose, foam, illuminate, recompress
from endolink.sample_data.overlay import Point, draw_inset, outline, polygon_mask, write
from endolink.sample_data.scene import Box, Quality, Scene
from endolink.sample_data.tissue import clothe

# A scope's camera is coarser than the screen it is shown on; larger views are scaled up.
_FINEST = 560
# A polyp, or blood, on a smaller share of the view is there but not called a finding.
_CALLABLE = 0.005


@dataclass(frozen=True)
class Truth:
    """What is really in the frame, in its pixels.

    `findings` are the codes that hold, the frame's main subject first. `view_mask` (H x W) is
    the scope's picture whatever lies over it, `view_polygon` its outline. `polyp_mask` (H x W)
    is the polyp's visible part, not covered by an inset; `polyp_box` is None where it is empty. A
    polyp on less than half a percent of the view has a mask and a box but is no finding.
    """

    findings: tuple[str, ...]
    quality: Quality
    view_polygon: tuple[Point, ...]
    view_mask: NDArray[np.bool_]
    inset_boxes: tuple[Box, ...]
    text_boxes: tuple[Box, ...]
    polyp_mask: NDArray[np.bool_]
    polyp_box: Box | None


@dataclass(frozen=True)
class Rendered:
    """A frame, H x W x 3 RGB uint8, and its ground truth."""

    frame: NDArray[np.uint8]
    truth: Truth


def render(scene: Scene) -> Rendered:
    """Draw the scene."""
    x0, y0, x1, y1 = scene.view_box
    width, height = x1 - x0, y1 - y0
    shrink = min(1.0, _FINEST / height)
    size = max(64, round(width * shrink)), max(64, round(height * shrink))
    if scene.site == "out-of-body":
        pixels = _theatre(scene, *size)
        polyp = np.zeros((size[1], size[0]), np.bool_)
        blood = 0.0
    else:
        pixels, polyp, blood = _look(scene, *size)
    if size != (width, height):
        shown = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(shown)
        enlarged = Image.fromarray(polyp).resize((width, height), Image.Resampling.NEAREST)
        polyp = np.asarray(enlarged, np.bool_)

    polygon = outline(scene.mask, scene.view_box)
    view = polygon_mask(polygon, scene.width, scene.height)
    frame = np.zeros((scene.height, scene.width, 3), np.uint8)
    frame[y0:y1, x0:x1] = pixels
    frame[~view] = 0
    polyp_mask = np.zeros_like(view)
    polyp_mask[y0:y1, x0:x1] = polyp
    polyp_mask &= view

    picture = Image.fromarray(frame)
    inset_boxes = tuple(draw_inset(picture, inset) for inset in scene.insets)
    for left, top, right, bottom in inset_boxes:
        polyp_mask[top:bottom, left:right] = False
    text_boxes = tuple(box for text in scene.texts for box in write(picture, text))
    frame = np.array(picture)
    if scene.jpeg_quality is not None:
        frame = recompress(frame, scene.jpeg_quality)
    polyp_share = float(polyp_mask.sum() / view.sum())
    truth = Truth(
        findings=_findings(scene, polyp_share >= _CALLABLE, blood >= _CALLABLE),
        quality=scene.quality,
        view_polygon=polygon,
        view_mask=view,
        inset_boxes=inset_boxes,
        text_boxes=text_boxes,
        polyp_mask=polyp_mask,
        polyp_box=_bounds(polyp_mask),
    )
    return Rendered(frame, truth)


def _look(
    scene: Scene, width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], float]:
    """Return the scope's picture, the polyp's pixels and blood's share, all of the view."""
    bowel = Bowel(scene)
    hits = cast(bowel, scene.camera, width, height)
    normal = normals(bowel.gap, hits.position)
    surface = clothe(scene, bowel, hits, normal)
    radiance = foam(scene, hits, illuminate(bowel, hits, normal, surface))
    return expose(scene, radiance), surface.polyp, float(surface.blood.mean())


def _theatre(scene: Scene, width: int, height: int) -> NDArray[np.uint8]:
    """Paint the endoscopy room through a scope outside the body: drapes, a monitor, a lamp."""
    rng = np.random.default_rng([scene.seed, 7])
    picture = Image.new("RGB", (width, height), (88, 118, 122))
    draw = ImageDraw.Draw(picture)
    horizon = int(height * rng.uniform(0.5, 0.62))
    draw.rectangle((0, horizon, width, height), fill=(52, 96, 104))
    for _ in range(9):
        x = rng.uniform(0, width)
        wide = rng.uniform(0.03, 0.09) * width
        shade = rng.uniform(0.75, 1.3)
        colour = tuple(int(min(255, channel * shade)) for channel in (54, 100, 110))
        draw.polygon(
            [(x, horizon), (x + wide, horizon), (x + 2 * wide, height), (x - wide, height)],
            fill=colour,
        )
    mx, my = rng.uniform(0.08, 0.3) * width, rng.uniform(0.12, 0.25) * height
    draw.rectangle((mx, my, mx + 0.3 * width, my + 0.26 * height), fill=(30, 34, 40))
    draw.rectangle(
        (mx + 8, my + 8, mx + 0.3 * width - 8, my + 0.26 * height - 8), fill=(70, 120, 180)
    )
    lx, ly = rng.uniform(0.6, 0.8) * width, rng.uniform(0.1, 0.25) * height
    draw.ellipse((lx - 60, ly - 32, lx + 60, ly + 32), fill=(250, 252, 255))
    tone = np.asarray(picture, np.float32) / 255
    tone = ndimage.gaussian_filter(tone, (5, 5, 0)) + 0.5 * ndimage.gaussian_filter(
        np.maximum(tone - 0.75, 0), (30, 30, 0)
    )
    weave = ndimage.gaussian_filter(rng.standard_normal((height, width)), 1.2)
    tone = tone * (1 + 0.05 * weave[..., None]) * scene.gain
    if scene.blur:
        tone = ndimage.gaussian_filter(tone, (scene.blur, scene.blur, 0))
    return (np.clip(tone, 0, 1) * 255 + 0.5).astype(np.uint8)


def _findings(scene: Scene, polyp: bool, blood: bool) -> tuple[str, ...]:
    # Nobody can call a finding on a frame that shows next to nothing.
    if scene.site == "out-of-body" or scene.quality == "dark":
        return ()
    found = []
    if polyp:
        found.append("polyp")
    if scene.blood and blood:
        found.append("bleeding")
    if scene.site == "cecum":
        found.append("cecum")
    if scene.site != "capsule":
        found.append(
            {
                "clean": "bbps-2-3",
                "residue": "bbps-2-3",
                "poor": "bbps-0-1",
                "impacted": "impacted-stool",
            }[scene.soiling]
        )
    return tuple(found)


def _bounds(mask: NDArray[np.bool_]) -> Box | None:
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
