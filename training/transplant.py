"""A part of one frame set into another, so that its rim tells nothing.

A lesion is cut out along its outline and laid over mucosa elsewhere, or mucosa over a lesion: what
a network learns of a polyp then cannot be the scope, the light or the hospital that polyps happen
to have been photographed with. Both are cut, toned and feathered alike, or the seam would tell.
After Dwibedi et al., "Cut, Paste and Learn", ICCV 2017.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]
Reals = NDArray[np.float32]

# The mucosa around a patch whose light it brings along, in shares of its longer side.
_RING = 0.25
# A patch is toned at most this many times brighter or darker.
_TONED = 2.2


def graft(
    square: Pixels,
    patch: Pixels,
    stencil: Pixels,
    rng: np.random.Generator,
    *,
    length: float,
    centre: tuple[float, float],
) -> Pixels | None:
    """Lay what `stencil` marks in `patch` into `square`, in place; gives where it now lies.

    `square` and `patch` are uint8 S×S×4, the fourth channel 255 where a patient is shown; `stencil`
    is uint8 S×S, 255 inside. It is turned, mirrored and scaled until its longer side is `length`
    pixels, and centred at `centre` (x, y). What comes back is uint8 S×S, 255 where the patch
    lies; None, and nothing is changed, where it would lie outside what is shown or on darkness.
    """
    rows, columns = np.flatnonzero(stencil.any(1)), np.flatnonzero(stencil.any(0))
    if not len(rows):
        return None
    high, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    margin = int(_RING * max(high, wide)) + 4
    y0, x0 = max(0, rows[0] - margin), max(0, columns[0] - margin)
    y1, x1 = rows[-1] + margin, columns[-1] + margin
    scale = length / max(high, wide)
    angle = float(rng.uniform(0, 360))
    cut, mark = (
        _placed(Image.fromarray(np.ascontiguousarray(array[y0:y1, x0:x1])), scale, angle)
        for array in (patch, stencil)
    )
    if rng.random() < 0.5:
        cut, mark = (image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in (cut, mark))
    side = square.shape[0]
    left, top = int(centre[0] - cut.width / 2), int(centre[1] - cut.height / 2)
    x_from, y_from = max(0, -left), max(0, -top)
    x_to, y_to = min(cut.width, side - left), min(cut.height, side - top)
    if x_to - x_from < 4 or y_to - y_from < 4:
        return None
    inner = np.asarray(mark)[y_from:y_to, x_from:x_to] > 127
    given = np.asarray(cut)[y_from:y_to, x_from:x_to]
    here = square[top + y_from : top + y_to, left + x_from : left + x_to]
    within = inner & (here[..., 3] > 127) & (given[..., 3] > 127)
    if within.sum() < 0.7 * max(inner.sum(), 20):
        return None
    soft = mark.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.0, 0.05 * length + 1.5))))
    weight = np.asarray(soft, np.float32)[y_from:y_to, x_from:x_to, None] / 255
    weight = weight * (given[..., 3:] > 127)
    toned = _toned(given, here, inner, rng)
    if toned is None:
        return None
    here[..., :3] = np.clip(here[..., :3] * (1 - weight) + toned * weight, 0, 255)
    lies = np.zeros((side, side), np.uint8)
    lies[top + y_from : top + y_to, left + x_from : left + x_to] = within * np.uint8(255)
    return lies


def _placed(image: Image.Image, scale: float, angle: float) -> Image.Image:
    size = max(4, round(image.width * scale)), max(4, round(image.height * scale))
    if image.mode == "L":
        small = image.resize(size, Image.Resampling.BILINEAR)
        return small.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    # Band by band: an alpha channel would be multiplied in, there and back.
    bands = (
        band.resize(size, Image.Resampling.BILINEAR).rotate(
            angle, Image.Resampling.BILINEAR, expand=True
        )
        for band in image.split()
    )
    return Image.merge("RGBA", list(bands))


def _toned(
    given: Pixels, here: Pixels, inner: NDArray[np.bool_], rng: np.random.Generator
) -> Reals | None:
    """Give the patch the light of the place it comes to: its surround there against here."""
    around = ~inner & (given[..., 3] > 127)
    place = here[..., 3] > 127
    if around.sum() < 20 or place.sum() < 20:
        return None
    there = given[..., :3][around].mean(0, dtype=np.float32) + 8
    now = here[..., :3][place].mean(0, dtype=np.float32) + 8
    if now.max() < 50:
        # In the dark of the lumen nothing would be seen.
        return None
    gain = np.clip((now / there) ** rng.uniform(0.7, 1.0), 1 / _TONED, _TONED)
    toned: Reals = given[..., :3] * gain.astype(np.float32)
    return toned
