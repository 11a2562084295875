"""What a processor or a recorder drew over the patient's picture: insets and burned-in text."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]

# All lengths here are in pixels of the coarse copy (160 on the frame's longer side).
ARM = 10
ARM_SHARE = 0.9
STEP = 14
LARGEST_INSET = 0.35

# Differences are taken after this curve, so that black beside dark tissue is a step as well.
CURVE = np.round(255 * np.log1p(np.arange(256) / 20) / np.log1p(255 / 20)).astype(np.uint8)


def find_insets(colours: NDArray[np.uint8], lit: NDArray[np.bool_]) -> list[Box]:
    """Find rectangles drawn into the coarse picture `colours` (uint8 H×W×3)."""
    height, width = lit.shape
    if min(height, width) < 2 * ARM:
        return []
    planes = CURVE[np.ascontiguousarray(colours.transpose(2, 0, 1))]
    upright = _steps(planes, axis=2)
    level = _steps(planes, axis=1)
    insets = []
    for corner in _corners(upright, level):
        box = _trace(corner, upright, level, lit)
        if box and _is_inset(box, lit):
            insets.append(box)
    return insets


class Corner(NamedTuple):
    """Where two straight steps meet; `right` and `down` say to which side the arms go."""

    x: int
    y: int
    right: bool
    down: bool


def _steps(planes: NDArray[np.uint8], axis: int) -> NDArray[np.bool_]:
    """Mark sharp steps along `axis`: bool H×W, at the first pixel after the step, ±1 along the axis."""
    p = planes.swapaxes(1, axis)
    a, b = p[:, :-2], p[:, 2:]
    d = (np.maximum(a, b) - np.minimum(a, b)).max(axis=0)
    out = np.zeros(p.shape[1:], bool)
    peak = d >= STEP
    peak[1:] &= d[1:] >= d[:-1]
    peak[:-1] &= d[:-1] >= d[1:]
    # sharp: three pixels away the step is over
    peak[3:] &= d[3:] > d[:-3] + (d[:-3] >> 1)
    peak[:-3] &= d[:-3] > d[3:] + (d[3:] >> 1)
    out[1:-1] = peak
    return out.swapaxes(0, axis - 1)


def _corners(upright: NDArray[np.bool_], level: NDArray[np.bool_]) -> list[Corner]:
    v = upright.copy()
    v[:, 1:] |= upright[:, :-1]
    v[:, :-1] |= upright[:, 1:]
    h = level.copy()
    h[1:] |= level[:-1]
    h[:-1] |= level[1:]
    height, width = v.shape
    cv = np.zeros((height + 1, width), np.int16)
    np.cumsum(v, axis=0, dtype=np.int16, out=cv[1:])
    ch = np.zeros((height, width + 1), np.int16)
    np.cumsum(h, axis=1, dtype=np.int16, out=ch[:, 1:])
    need = int(ARM * ARM_SHARE)
    vert = (cv[ARM:] - cv[:-ARM]) >= need  # window y..y+ARM
    horz = (ch[:, ARM:] - ch[:, :-ARM]) >= need
    found: list[Corner] = []
    if not vert.any() or not horz.any():
        return found
    for down in (False, True):
        up_arm = np.zeros_like(v)
        if down:
            up_arm[: height - ARM + 1] = vert
        else:
            up_arm[ARM - 1 :] = vert
        for right in (False, True):
            side = np.zeros_like(v)
            if right:
                side[:, : width - ARM + 1] = horz
            else:
                side[:, ARM - 1 :] = horz
            ys, xs = np.nonzero(up_arm & side)
            if len(ys):
                # crude cluster
                pts = list(zip(ys.tolist(), xs.tolist()))
                while pts:
                    y, x = pts[0]
                    group = [p for p in pts if abs(p[0] - y) <= 4 and abs(p[1] - x) <= 4]
                    pts = [p for p in pts if p not in group]
                    gy = sum(p[0] for p in group) / len(group)
                    gx = sum(p[1] for p in group) / len(group)
                    found.append(Corner(round(gx), round(gy), right, down))
    return found


def _reach(steps: NDArray[np.bool_], gap: int = 3) -> int:
    """Say how far a straight step goes on from its start, over gaps of at most `gap` pixels."""
    marks = np.flatnonzero(steps)
    broken = np.flatnonzero(np.diff(marks, prepend=0) > gap + 1)
    kept = marks[: broken[0]] if len(broken) else marks
    return int(kept[-1]) + 1 if len(kept) else 0


def _trace(
    corner: Corner, upright: NDArray[np.bool_], level: NDArray[np.bool_], lit: NDArray[np.bool_]
) -> Box | None:
    height, width = lit.shape
    x, y, right, down = corner
    v = upright[:, max(0, x - 1) : x + 2].any(axis=1)
    h = level[max(0, y - 1) : y + 2].any(axis=0)
    tall = _reach(v[y:] if down else v[: y + 1][::-1])
    wide = _reach(h[x:] if right else h[: x + 1][::-1])
    x0, x1 = (x, min(width, x + wide)) if right else (max(0, x - wide), x)
    y0, y1 = (y, min(height, y + tall)) if down else (max(0, y - tall), y)
    if right and x1 < width and lit[y0:y1, x1:].mean() < 0.05:
        x1 = width
    if not right and x0 > 0 and lit[y0:y1, :x0].mean() < 0.05:
        x0 = 0
    if down and y1 < height and lit[y1:, x0:x1].mean() < 0.05:
        y1 = height
    if not down and y0 > 0 and lit[:y0, x0:x1].mean() < 0.05:
        y0 = 0
    if min(x1 - x0, y1 - y0) < ARM - 2:
        return None
    return x0, y0, x1, y1


def _is_inset(box: Box, lit: NDArray[np.bool_]) -> bool:
    x0, y0, x1, y1 = box
    inside = lit[y0:y1, x0:x1]
    if inside.size > LARGEST_INSET * lit.size:
        return False
    if inside.sum() > 0.4 * lit.sum():
        return False
    return bool(inside.mean() < 0.05)
