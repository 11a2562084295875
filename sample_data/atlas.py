"""`python -m endolink.sample_data.atlas OUT`: many rendered frames, with and without a polyp.

A labelled image folder, so that a network can learn what the phantom's polyps look like:

    OUT/polyp/00012.jpg             a polyp is seen
    OUT/none/00013.jpg              none is there
    OUT/outlines/polyp/00012.png    where it lies, white, of the frame's size

No frame is one of the committed stills or of the clip: their seeds are below `FIRST_SEED`.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image

from endolink.sample_data.phantom import Rendered, render
from endolink.sample_data.scene import Camera, Inset, MaskShape, Polyp, Scene, Soiling, Tint

FIRST_SEED = 1000
_SIZES = ((640, 512), (600, 512), (640, 480), (560, 480))
_QUALITY = 86


def scene_of(number: int) -> Scene:
    """Describe frame `number` of the atlas; every other one is meant to show a polyp."""
    rng = np.random.default_rng([number, 11])
    width, height = _SIZES[rng.integers(len(_SIZES))]
    yaw, pitch = (float(value) for value in rng.uniform(-35, 35, 2))
    away, turn = 0.3 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
    camera = Camera(
        travel=float(rng.uniform(0, 8)),
        offset=(float(away * np.cos(turn)), float(away * np.sin(turn))),
        yaw=yaw,
        pitch=pitch,
    )
    soiling: Soiling = "clean"
    if rng.random() < 0.25:
        soiling = "residue" if rng.random() < 0.6 else "poor"
    scene = Scene(
        seed=FIRST_SEED + number,
        site="cecum" if rng.random() < 0.1 else "colon",
        width=width,
        height=height,
        mask=_one_of(MaskShape, rng),
        tint=_one_of(Tint, rng),
        camera=camera,
        soiling=soiling,
        blur=float(rng.uniform(0, 1.5)),
        jpeg_quality=int(rng.integers(40, 95)),
    )
    if rng.random() < 0.3:
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        scene = replace(scene, insets=(Inset("bottom-left", colour, (170, 130)),))  # type: ignore[arg-type]
    if scene.site == "cecum":
        # It ends; the scope looks at its floor from near.
        scene = replace(scene, camera=replace(camera, travel=float(rng.uniform(0, 0.5))))
    if number % 2 == 0:
        return scene
    polyp = Polyp(
        shape="sessile" if rng.random() < 0.7 else "pedunculated",
        # On the side that the scope looks to, or it would rarely be seen.
        angle=float(np.degrees(np.arctan2(pitch, yaw)) + rng.normal(0, 40)) % 360,
        depth=scene.camera.travel + float(rng.uniform(0.6, 2.0)),
        size=float(rng.uniform(0.25, 0.85)),
    )
    return replace(scene, polyp=polyp)


def write(out: Path, first: int, count: int) -> dict[str, int]:
    """Render frames `first` to `first + count` into the folder `out`; say how many of each kind.

    A frame whose polyp is hidden, or too small to be called, is left out.
    """
    counts = {"polyp": 0, "none": 0}
    for name in ("polyp", "none", "outlines/polyp"):
        (out / name).mkdir(parents=True, exist_ok=True)
    numbers = range(first, first + count)
    with ProcessPoolExecutor() as pool:
        for number, rendered in zip(numbers, pool.map(_rendered, numbers), strict=True):
            kind = _kind(rendered)
            if kind is None:
                continue
            counts[kind] += 1
            Image.fromarray(rendered.frame).save(out / kind / f"{number:05}.jpg", quality=_QUALITY)
            if kind == "polyp":
                outline = Image.fromarray(rendered.truth.polyp_mask)
                outline.save(out / "outlines" / kind / f"{number:05}.png", optimize=True)
    return counts


def _rendered(number: int) -> Rendered:
    return render(scene_of(number))


def _kind(rendered: Rendered) -> str | None:
    if "polyp" in rendered.truth.findings:
        return "polyp"
    return None if rendered.truth.polyp_mask.any() else "none"


def _one_of(kind: Any, rng: np.random.Generator) -> Any:
    choices = get_args(kind)
    return choices[rng.integers(len(choices))]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m endolink.sample_data.atlas",
        description="Render a labelled image folder of the phantom, with and without a polyp.",
    )
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--count", type=int, default=240, help="frames to render (default 240)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default 0)")
    options = parser.parse_args()
    counts = write(options.out, options.first, options.count)
    print(f"{options.out}: {counts['polyp']} with a polyp, {counts['none']} without")


if __name__ == "__main__":
    main()
