"""Quality: whether a frame is worth a verdict. It informs, and never changes a probability."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endolink.model.frame import Frame
from endolink.model.view import View

# Light and colour are measured on a copy with some 64 pixels along the longer side of the view,
# sharpness on one with at most 224: the same scene gives the same figures at any resolution.
COARSE = 64
FINE = 224

# Each threshold lies beyond what genuine frames reach (HyperKvasir, WCEBleedGen, EDD2020; at most
# 1 % of any set is on its wrong side) and is as strict as that allows. `python -m
# benchmarks.quality` prints the false pauses and the detection rates.
DARK_BELOW = 0.15
OVER_EXPOSED_ABOVE = 0.20
BLURRED_BELOW = 0.295
SMEARED_BELOW = 0.270
OUT_OF_BODY_BELOW = 0.42

CLIPPED_FROM = 240  # luma of a pixel that shows only glare
LIT_ENOUGH = 0.1  # share of the view that must be lit for its colour to be judged
COLOURED_FROM = 40  # darker pixels, by their brightest channel, have no colour worth counting
# The directions along which sharpness is measured: a fast camera smears along one of them only.
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class Quality:
    """What was measured within the view, and what it says against a verdict.

    `luminance` is the luma that the brightest tenth of the view exceeds, 0 (black) to 1 (white).
    `clipped` is the share of the view, 0 to 1, that is burnt out to white.
    `sharpness` compares the differences of pixels 1 and 4 apart, the mean over four directions:
    0.25 where every edge is a ramp, to 1 where all detail is as fine as the pixels. It does not
    depend on contrast, brightness or resolution. `smear` is the least of the four: motion blurs
    along one direction only.
    `tissue` is the share, 0 to 1, of the view's lit pixels whose colour occurs inside the body: red
    to yellow, the green of narrow-band imaging, the deep blue of a dye; 1 where too few are lit.
    `reasons` holds any of `dark`, `blurred`, `over-exposed`, `out-of-body`, in this order.
    """

    luminance: float
    clipped: float
    sharpness: float
    smear: float
    tissue: float

    @property
    def reasons(self) -> tuple[str, ...]:
        rules = (
            ("dark", self.luminance < DARK_BELOW),
            ("blurred", self.sharpness < BLURRED_BELOW or self.smear < SMEARED_BELOW),
            ("over-exposed", self.clipped > OVER_EXPOSED_ABOVE),
            ("out-of-body", self.tissue < OUT_OF_BODY_BELOW),
        )
        return tuple(reason for reason, applies in rules if applies)

    @property
    def usable(self) -> bool:
        return not self.reasons


def assess(frame: Frame, view: View) -> Quality:
    """Measure the part of `frame` that `view` says shows the patient."""
    x0, y0, x1, y1 = view.box
    shown = view.mask[y0:y1, x0:x1]
    picture = frame.image.crop(view.box)
    luminance, clipped, tissue = _light_and_colour(picture, shown)
    along = _sharpness(picture, shown)
    return Quality(luminance, clipped, sum(along) / len(along), min(along), tissue)


def _light_and_colour(picture: Image.Image, shown: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Measure luminance, clipped and tissue of `Quality`."""
    every = max(1, max(picture.size) // COARSE)
    coarse = np.asarray(picture.reduce(every))
    mask = shown[every // 2 :: every, every // 2 :: every]
    mask = mask[: coarse.shape[0], : coarse.shape[1]]
    coarse = coarse[: mask.shape[0], : mask.shape[1]]
    red, green, blue = (coarse[:, :, channel][mask].astype(np.int32) for channel in range(3))
    if not len(red):
        return 0.0, 0.0, 0.0
    luma = (299 * red + 587 * green + 114 * blue) // 1000  # ITU-R BT.601
    tenth = len(luma) - 1 - len(luma) // 10
    luminance = int(np.partition(luma, tenth)[tenth]) / 255
    clipped = int(np.count_nonzero(luma >= CLIPPED_FROM)) / len(luma)

    brightest = np.maximum(np.maximum(red, green), blue)
    chroma = brightest - np.minimum(np.minimum(red, green), blue)
    coloured = 100 * chroma > 12 * brightest
    warm = coloured & (red >= green) & (green >= blue - 12)
    pink = coloured & (red >= blue) & (blue >= green)
    narrow_band = (green > red) & (green >= blue) & (20 * chroma > brightest)
    narrow_band &= 2 * chroma < brightest
    dye = (blue > green) & (green > red) & (100 * chroma > 55 * brightest)
    lit = brightest > COLOURED_FROM
    tissue = np.count_nonzero((warm | pink | narrow_band | dye) & lit)
    lights = int(np.count_nonzero(lit))
    return luminance, clipped, int(tissue) / lights if lights > LIT_ENOUGH * len(luma) else 1.0


def _sharpness(picture: Image.Image, shown: NDArray[np.bool_]) -> list[float]:
    zoom = min(1.0, FINE / max(picture.size))
    width, height = (max(16, round(side * zoom)) for side in picture.size)
    light = np.asarray(picture.getchannel("G").resize((width, height), Image.Resampling.BOX))
    rows = np.arange(height) * shown.shape[0] // height
    columns = np.arange(width) * shown.shape[1] // width
    mask = shown[rows].take(columns, axis=1)
    return [_sharpness_along(light, mask, down, right) for down, right in DIRECTIONS]


def _sharpness_along(
    light: NDArray[np.uint8], mask: NDArray[np.bool_], down: int, right: int
) -> float:
    def moved(plane: NDArray[Any], steps: int) -> NDArray[Any]:
        height, width = plane.shape
        top, left = 2 + steps * down, 2 + steps * right
        return plane[top : top + height - 4 : 2, left : left + width - 4]

    inside = moved(mask, -2) & moved(mask, 2)
    near = _distance(moved(light, 0), moved(light, 1)) * inside
    far = _distance(moved(light, -2), moved(light, 2)) * inside
    total = int(far.sum(dtype=np.int64))
    # A plain field has no edges at all: nothing in it is sharp.
    return int(near.sum(dtype=np.int64)) / total if total else 0.25


def _distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.maximum(a, b) - np.minimum(a, b)
