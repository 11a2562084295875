"""The bowel as a signed distance field, and rays cast through it from the scope.

Points inside the lumen have positive distance. Surfaces are found by sphere tracing (Hart,
"Sphere tracing: a geometric method for the antialiased ray tracing of implicit surfaces",
The Visual Computer 12, 1996): first for every second pixel each way, then, starting just
before the nearest of the neighbouring hits, for every pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from endolink.sample_data.scene import Camera, Polyp, Scene

Array = NDArray[np.float32]
Field = Callable[[Array, Array, Array], Array]

FARTHEST = 14.0
# The folds' flanks are steep, so the radial gap overstates the distance to them.
_CAUTION = 0.55
_FOLDS = 64
_CECUM_DEPTH = 1.35
# Where on the cecum's end the appendiceal orifice lies, (x, y) from the axis.
_ORIFICE = (0.12, 0.10)


@dataclass(frozen=True)
class Ellipsoid:
    """A lump: centre, three unit axes (rows) and the radius along each, in lumen radii."""

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    radii: NDArray[np.float64]
    roughness: float = 0.0

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Approximate distance from outside, exact on the surface; inputs of one shape."""
        dx, dy, dz = (p - np.float32(c) for p, c in zip((x, y, z), self.centre, strict=True))
        near = np.zeros_like(x)
        slope = np.zeros_like(x)
        for axis, radius in zip(self.axes.astype(np.float32), self.radii, strict=True):
            along = (dx * axis[0] + dy * axis[1] + dz * axis[2]) / np.float32(radius)
            near += along * along
            slope += (along / np.float32(radius)) ** 2
        near = np.sqrt(near)
        gap = near * (near - 1.0) / np.sqrt(slope + 1e-9)
        if self.roughness:
            knob = np.float32(9.0 / self.radii.max() ** 0.5)
            for finer in (1.0, 2.3):
                gap -= np.float32(self.roughness / finer) * (
                    np.sin(finer * knob * dx + 1.3)
                    * np.sin(finer * knob * dy + 0.4)
                    * np.sin(finer * knob * dz + 2.1)
                )
        closest: Array = gap.astype(np.float32)
        return closest


def _frame_along(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Three orthonormal rows, the first along `axis`."""
    first = axis / np.linalg.norm(axis)
    helper = np.eye(3)[np.argmin(np.abs(first))]
    second = np.cross(first, helper)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def smooth_min(a: Array, b: Array, width: float) -> Array:
    """Take the smaller of two distances, the crease between them rounded over `width`."""
    blend = np.maximum(np.float32(width) - np.abs(a - b), 0.0) / np.float32(width)
    rounded: Array = np.minimum(a, b) - blend * blend * np.float32(width * 0.25)
    return rounded


class Bowel:
    """The geometry of one scene: wall, polyp, lumps of stool and a pool of liquid."""

    def __init__(self, scene: Scene) -> None:
        rng = np.random.default_rng([scene.seed, 1])
        self._cecum = scene.site == "cecum"
        capsule = scene.site == "capsule"
        self._spacing = np.float32(0.62 if capsule else 0.85)
        self._bend = np.array([rng.uniform(0.35, 0.7), rng.uniform(0.35, 0.7)], np.float32)
        self._bend *= 0.15 if self._cecum else 1.0
        self._bend_rate = np.array([rng.uniform(0.45, 0.6), rng.uniform(0.4, 0.55)], np.float32)
        self._bend_phase = rng.uniform(0, 2 * np.pi, 2).astype(np.float32)
        self._jitter = rng.uniform(-0.16, 0.16, _FOLDS).astype(np.float32)
        low, high = (0.22, 0.42) if capsule else (0.16, 0.36)
        self._fold_height = rng.uniform(low, high, _FOLDS).astype(np.float32)
        if self._cecum:
            self._fold_height *= 0.55
        self._fold_width = rng.uniform(0.09, 0.15, _FOLDS).astype(np.float32)
        turn = rng.uniform(0, 2 * np.pi, _FOLDS)
        self._fold_cos = np.cos(turn).astype(np.float32)
        self._fold_sin = np.sin(turn).astype(np.float32)
        self._tilt = rng.uniform(-0.14, 0.14, (2, _FOLDS)).astype(np.float32)
        self._swell = rng.uniform(0, 2 * np.pi, 4).astype(np.float32)
        self._blend = 0.07 if scene.polyp is None else 0.3 * scene.polyp.size
        self._polyp: list[Ellipsoid] = [] if scene.polyp is None else self._grow(scene.polyp)
        self._stalk = len(self._polyp) == 2
        self._lumps = self._pile(scene, np.random.default_rng([scene.seed, 2]))
        self._pool_level = None if scene.liquid == 0 else np.float32(1.0 - scene.liquid)

    def centre(self, z: Array) -> tuple[Array, Array]:
        """Return the middle of the lumen, (x, y), at `z`."""
        x = self._bend[0] * np.sin(self._bend_rate[0] * z + self._bend_phase[0])
        y = self._bend[1] * np.sin(self._bend_rate[1] * z + self._bend_phase[1])
        return x, y

    def wall(self, x: Array, y: Array, z: Array) -> Array:
        """Gap to the mucosa alone."""
        cx, cy = self.centre(z)
        dx, dy = x - cx, y - cy
        beyond = np.maximum(z - np.float32(_CECUM_DEPTH), 0.0) * 1.25 if self._cecum else None
        squared = dx * dx + dy * dy + np.float32(1e-6)
        r = np.sqrt(squared)
        cos, sin = dx / r, dy / r
        if beyond is not None:
            r = np.sqrt(squared + beyond * beyond)
        cos3, sin3 = cos * (4 * cos * cos - 3), sin * (3 - 4 * sin * sin)
        # A haustral fold is a crescent: high along part of the circumference, gone elsewhere.
        index = np.rint(z / self._spacing).astype(np.int32)
        fold = index % _FOLDS
        along = z - (index + self._jitter[fold]) * self._spacing
        along -= self._tilt[0, fold] * dx + self._tilt[1, fold] * dy
        crescent = 0.62 + 0.38 * (cos3 * self._fold_cos[fold] + sin3 * self._fold_sin[fold])
        ridge = along / self._fold_width[fold]
        height = self._fold_height[fold] * crescent * np.exp(-ridge * ridge)
        wave = np.sin(2.3 * x + self._swell[0]) * np.sin(2.1 * z + self._swell[1])
        wave += 0.6 * np.sin(4.7 * y + self._swell[2]) * np.sin(4.1 * z + self._swell[3])
        radius = 1.0 + 0.05 * cos3 + 0.035 * wave
        gap: Array = radius - height - r
        if beyond is not None:
            gap = self._cecal_end(gap, dx, dy, beyond)
        return gap

    def _cecal_end(self, gap: Array, dx: Array, dy: Array, beyond: Array) -> Array:
        """Raise the end's three converging folds and the crescent of the appendiceal orifice."""
        ox, oy = dx - np.float32(_ORIFICE[0]), dy - np.float32(_ORIFICE[1])
        r = np.sqrt(ox * ox + oy * oy + np.float32(1e-6))
        cos = ox / r
        cos3 = cos * (4 * cos * cos - 3)
        reach = np.exp(-(((r - 0.48) / 0.26) ** 2))
        end = np.minimum(beyond / 0.4, 1.0)
        gap = gap - end * 0.24 * reach * np.exp(-3.5 * (1.0 - cos3))
        # A rounded lip with a bent slit beside its middle: the orifice under its fold.
        gap = gap - end * 0.10 * np.exp(-(((r - 0.24) / 0.09) ** 2))
        bent = np.abs(np.sqrt(ox * ox + (oy + 0.2) ** 2 + 1e-6) - 0.23)
        slit = np.exp(-((bent / 0.055) ** 2)) * np.exp(-((ox / 0.17) ** 4)) * (oy > -0.2)
        carved: Array = gap + end * 0.34 * slit
        return carved

    def polyp(self, x: Array, y: Array, z: Array) -> Array | None:
        """Gap to the polyp alone, None where the scene has none."""
        if not self._polyp:
            return None
        head = self._polyp[0].distance(x, y, z)
        if self._stalk:
            head = smooth_min(head, self._polyp[1].distance(x, y, z), 0.05)
        return head

    def stool(self, x: Array, y: Array, z: Array) -> Array | None:
        """Gap to the nearest lump of stool, None where there are none."""
        if not self._lumps:
            return None
        gap = self._lumps[0].distance(x, y, z)
        for lump in self._lumps[1:]:
            gap = smooth_min(gap, lump.distance(x, y, z), 0.08)
        return gap

    def pool(self, y: Array, z: Array) -> Array | None:
        """Gap to the surface of the liquid, None where there is none."""
        if self._pool_level is None:
            return None
        level: Array = self.centre(np.zeros(1, np.float32))[1] + self._pool_level - y
        return level + 0 * z

    def gap(self, x: Array, y: Array, z: Array) -> Array:
        """Distance to the nearest surface of any kind."""
        nearest = self.wall(x, y, z)
        if (polyp := self.polyp(x, y, z)) is not None:
            nearest = smooth_min(nearest, polyp, self._blend)
        if (stool := self.stool(x, y, z)) is not None:
            nearest = smooth_min(nearest, stool, 0.08)
        if (pool := self.pool(y, z)) is not None:
            nearest = np.minimum(nearest, pool)
        return nearest

    def anchor(self, angle: float, depth: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Find the wall's point at this angle (degrees) and depth, and the direction inwards."""
        z = np.full(1, depth, np.float32)
        middle = np.array([axis[0] for axis in self.centre(z)] + [depth], np.float64)
        outward = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0.0])
        near, far = 0.0, 1.4
        for _ in range(24):
            half = (near + far) / 2
            point = (middle + half * outward).astype(np.float32).reshape(3, 1)
            near, far = (half, far) if self.wall(*point)[0] > 0 else (near, half)
        return middle + near * outward, -outward

    def _grow(self, polyp: Polyp) -> list[Ellipsoid]:
        base, inward = self.anchor(polyp.angle, polyp.depth)
        half = polyp.size / 2
        # Folds tip a sessile polyp towards the scope; one on a stalk hangs down.
        sessile = polyp.shape == "sessile"
        lean = inward + np.array([0.0, 0.0, -0.45] if sessile else [0.0, 0.5, -0.1])
        lean /= np.linalg.norm(lean)
        if sessile:
            radii = np.array([0.75, 1.1, 0.92]) * half
            return [Ellipsoid(base + 0.25 * half * lean, _frame_along(lean), radii, 0.035 * half)]
        head = base + 2.5 * half * lean
        stalk = Ellipsoid(
            base + 0.9 * half * lean, _frame_along(lean), np.array([1.9, 0.42, 0.42]) * half
        )
        radii = np.array([0.86, 1.06, 0.96]) * half
        return [Ellipsoid(head, _frame_along(lean), radii, 0.045 * half), stalk]

    def _pile(self, scene: Scene, rng: np.random.Generator) -> list[Ellipsoid]:
        if scene.soiling == "poor":
            sizes, spread = rng.uniform(0.16, 0.42, 8), (0.6, 2.4)
        elif scene.soiling == "impacted":
            sizes, spread = rng.uniform(0.28, 0.5, 11), (0.95, 2.4)
        else:
            return []
        lumps = []
        for size in sizes:
            # Stool lies where gravity leaves it; an impacted bowel is filled all round.
            sector = 180.0 if scene.soiling == "impacted" else 75.0
            angle = 90.0 + rng.uniform(-sector, sector)
            base, inward = self.anchor(angle, scene.camera.travel + rng.uniform(*spread))
            sunk = rng.uniform(0.2, 0.9) if scene.soiling == "impacted" else -0.1
            radii = size * rng.uniform(0.55, 1.3, 3)
            axes = _frame_along(rng.normal(size=3))
            lumps.append(Ellipsoid(base + sunk * size * inward, axes, radii, 0.16 * size))
        return lumps


@dataclass(frozen=True)
class Hits:
    """Where each pixel's ray meets a surface: float32 H x W arrays, lengths in lumen radii.

    `position` and `direction` are 3 x H x W, `origin` the scope's tip, `reached` false where the
    ray ran on down the lumen.
    """

    origin: NDArray[np.float64]
    direction: Array
    distance: Array
    reached: NDArray[np.bool_]

    @property
    def position(self) -> Array:
        """The points met, 3 x H x W."""
        start = self.origin.astype(np.float32)[:, None, None]
        met: Array = start + self.direction * self.distance
        return met


def _rays(camera: Camera, width: int, height: int) -> Array:
    """Compute unit directions, 3 x height x width, of an equidistant (fisheye) lens."""
    scale = np.radians(camera.field_of_view) / height
    u, v = np.meshgrid(
        (np.arange(width) + 0.5 - width / 2) * scale, (np.arange(height) + 0.5 - height / 2) * scale
    )
    angle = np.minimum(np.hypot(u, v), np.pi * 0.55)
    ratio = np.sinc(angle / np.pi)
    local = np.stack([u * ratio, v * ratio, np.cos(angle)])
    yaw, pitch, roll = np.radians([camera.yaw, camera.pitch, camera.roll])
    turn_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    turn_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    turn_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned = np.einsum("ij,jhw->ihw", turn_y @ turn_x @ turn_z, local)
    rays: Array = turned.astype(np.float32)
    return rays


def _march(
    field: Field, origin: NDArray[np.float64], rays: Array, start: Array, steps: int
) -> Array:
    """Distances along flat `rays` (3 x N) at which `field` falls to zero."""
    distance = start.copy()
    live = np.arange(distance.size)
    ox, oy, oz = (np.float32(value) for value in origin)
    for _ in range(steps):
        t = distance[live]
        dx, dy, dz = rays[0, live], rays[1, live], rays[2, live]
        gap = field(ox + dx * t, oy + dy * t, oz + dz * t)
        t = np.clip(t + gap * np.float32(_CAUTION), 0.0, FARTHEST)
        distance[live] = t
        live = live[(np.abs(gap) > 0.0012 * (1.0 + t)) & (t < FARTHEST)]
        if live.size == 0:
            break
    return distance


def cast(bowel: Bowel, camera: Camera, width: int, height: int) -> Hits:
    """Find what the scope sees, one ray a pixel."""
    z = np.full(1, camera.travel, np.float32)
    cx, cy = (float(axis[0]) for axis in bowel.centre(z))
    origin = np.array([cx + camera.offset[0], cy + camera.offset[1], camera.travel])
    rays = _rays(camera, width, height)
    coarse_rays = np.ascontiguousarray(rays[:, ::2, ::2])
    shape = coarse_rays.shape[1:]
    flat = coarse_rays.reshape(3, -1)
    coarse = _march(bowel.gap, origin, flat, np.zeros(flat.shape[1], np.float32), 80)
    nearest = ndimage.minimum_filter(coarse.reshape(shape), size=3)
    start = np.repeat(np.repeat(nearest, 2, axis=0), 2, axis=1)[:height, :width]
    start = np.maximum(start - 0.02 * (1 + start), 0.0).astype(np.float32)
    distance = _march(bowel.gap, origin, rays.reshape(3, -1), start.ravel(), 40)
    distance = distance.reshape(height, width)
    return Hits(origin, rays, distance, distance < FARTHEST * 0.98)


def normals(field: Field, position: Array, reach: float = 0.012) -> Array:
    """Compute unit normals into the lumen, 3 x H x W, from four samples on a tetrahedron."""
    total = np.zeros_like(position)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        step = np.array(corner, np.float32) * np.float32(reach)
        gap = field(position[0] + step[0], position[1] + step[1], position[2] + step[2])
        total += np.array(corner, np.float32)[:, None, None] * gap
    unit: Array = total / np.maximum(np.linalg.norm(total, axis=0), 1e-9)
    return unit
