"""`python -m benchmarks.quality`: how often a frame is called unusable, rightly and wrongly.

Genuine frames of the shared sets should not be paused, the same frames degraded should be, and so
should pictures of other things. Nothing is written to disk.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rich.console import Console
from rich.table import Table

from benchmarks.view import SETS, frames_of
from endolink.model.frame import Frame
from endolink.model.quality import Quality, assess
from endolink.model.view import find_view

REASONS = ("dark", "blurred", "over-exposed", "out-of-body")


def framed(image: Image.Image) -> Frame:
    return Frame(np.asarray(image), image.width, image.height, "0" * 64)


def assessed(image: Image.Image) -> Quality:
    frame = framed(image)
    return assess(frame, find_view(frame))


def gain(by: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.point(lambda level: min(255, level * by))


def blur(share: float) -> Callable[[Image.Image], Image.Image]:
    """Blur by a Gaussian whose sigma is this share of the frame's width."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(share * image.width))


def motion(share: float, down: int, right: int) -> Callable[[Image.Image], Image.Image]:
    """Smear over this share of the frame's width along one direction."""

    def smear(image: Image.Image) -> Image.Image:
        half = round(share * image.width / 2)
        total = np.zeros((image.height, image.width, 3), np.float32)
        for k in range(-half, half + 1):
            total += np.roll(np.asarray(image), (k * down, k * right), (0, 1))
        return Image.fromarray((total / (2 * half + 1)).astype(np.uint8))

    return smear


DEGRADED: tuple[tuple[str, str, Callable[[Image.Image], Image.Image]], ...] = (
    ("light × 0.25", "dark", gain(0.25)),
    ("light × 0.12", "dark", gain(0.12)),
    ("Gaussian, 1/160 of the width", "blurred", blur(1 / 160)),
    ("Gaussian, 1/80", "blurred", blur(1 / 80)),
    ("motion along x, 1/40", "blurred", motion(1 / 40, 0, 1)),
    ("motion along x, 1/20", "blurred", motion(1 / 20, 0, 1)),
    ("motion along y, 1/20", "blurred", motion(1 / 20, 1, 0)),
    ("motion aslant, 1/20", "blurred", motion(1 / 20, 1, 1)),
    ("exposure × 2", "over-exposed", gain(2)),
    ("exposure × 3", "over-exposed", gain(3)),
    ("without colour", "out-of-body", lambda image: image.convert("L").convert("RGB")),
)


def elsewhere(rng: np.random.Generator) -> dict[str, list[Image.Image]]:
    """Draw pictures of what is outside the body, 640×512, behind a scope's mask."""
    pictures: dict[str, list[Image.Image]] = {"plain fields": [], "documents": [], "rooms": []}
    for colour in ("#808080", "#e6e6e6", "#b4bec8", "#285aaa", "#3c785a", "#96a0aa", "#c8c8be"):
        pictures["plain fields"].append(_shaded(Image.new("RGB", (640, 512), colour), rng))
    for _ in range(10):
        paper = Image.new("RGB", (640, 512), (250, 250, 247))
        for line in range(22):
            words = " ".join(str(rng.integers(10**6)) for _ in range(9))
            ImageDraw.Draw(paper).text(
                (20, 20 + 22 * line), words, "black", ImageFont.load_default(14)
            )
        pictures["documents"].append(_shaded(paper.rotate(rng.uniform(-9, 9)), rng))
    for _ in range(30):
        wall = tuple(rng.integers((130, 130, 130), 215).tolist())
        room = Image.new("RGB", (640, 512), wall)
        draw = ImageDraw.Draw(room)
        for _ in range(rng.integers(4, 10)):
            x, y = rng.integers(0, (560, 440))
            wide, tall = rng.integers(40, 220, 2)
            fill = ("#1e5a64", "#286ea0", "#ebebe6", "#323237", "#78a0be", "#b4b4b4")[
                rng.integers(6)
            ]
            draw.rectangle((x, y, x + wide, y + tall), fill=fill)
        pictures["rooms"].append(_shaded(room, rng))
    try:
        from sklearn.datasets import load_sample_images  # noqa: PLC0415  (the training extra)
    except ImportError:
        return pictures
    for name, array in zip(("a temple", "a flower"), load_sample_images().images, strict=True):
        photo = Image.fromarray(array).resize((640, 512))
        pictures[name] = [_shaded(photo, rng), _shaded(photo.crop((120, 90, 640, 512)), rng)]
    return pictures


def _shaded(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Light from one side, add noise, and show through an octagon."""
    image = image.resize((640, 512))
    left, right = rng.uniform(0.7, 1.1, 2).tolist()
    light = np.linspace(left, right, 640)[None, :, None]
    noisy = np.asarray(image) * light + rng.normal(0, 3, (512, 640, 3))
    stencil = Image.new("1", image.size)
    corners = [
        (110, 0),
        (530, 0),
        (640, 110),
        (640, 402),
        (530, 512),
        (110, 512),
        (0, 402),
        (0, 110),
    ]
    ImageDraw.Draw(stencil).polygon(corners, fill=1)
    picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    return Image.composite(picture, Image.new("RGB", image.size), stencil)


def share(images: Iterable[Image.Image], reason: str) -> float:
    return float(np.mean([reason in assessed(image).reasons for image in images]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    default = Path(os.environ.get("ENDOLINK_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=default, help="the shared real frames")
    parser.add_argument("--frames", type=int, default=400, help="genuine frames of each data set")
    parser.add_argument("--degraded", type=int, default=40, help="frames of each set degraded")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    frames = frames_of(options.shared, options.frames, rng)

    genuine = Table("genuine frames, paused", "frames", *REASONS, "any", title_justify="left")
    for name, images in frames.items():
        found = [assessed(image).reasons for image in images]
        cells = [f"{np.mean([reason in reasons for reasons in found]):.4f}" for reason in REASONS]
        genuine.add_row(name, str(len(images)), *cells, f"{np.mean([bool(r) for r in found]):.4f}")

    degraded = Table("degraded, detected", "as", *SETS, title_justify="left")
    for name, reason, spoil in DEGRADED:
        cells = [
            f"{share(map(spoil, images[: options.degraded]), reason):.2f}"
            for images in frames.values()
        ]
        degraded.add_row(name, reason, *cells)
    for name, images in elsewhere(rng).items():
        degraded.add_row(f"{name} ({len(images)})", REASONS[3], f"{share(images, REASONS[3]):.2f}")

    views = []
    for image in frames["HyperKvasir"][:40]:
        frame = framed(image.resize((320, 256)))
        views.append((frame, find_view(frame)))
    best = []
    for frame, view in views:
        times = []
        for _ in range(10):
            start = time.perf_counter()
            assess(frame, view)
            times.append(1000 * (time.perf_counter() - start))
        best.append(min(times))
    console = Console(width=100)
    console.print(genuine)
    console.print(degraded)
    console.print(f"assess, 320×256: median {np.median(best):.2f} ms, most {max(best):.2f} ms")


if __name__ == "__main__":
    main()
