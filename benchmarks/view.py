"""`python -m benchmarks.view`: how well the view, insets and burned-in text are found.

Real frames are rescaled, compressed, set into a larger screen, and painted with insets and text, so
that the truth is known. Nothing is written to disk.
"""

import argparse
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

from endolink.model.frame import Frame
from endolink.model.view import Box, View, find_view

SETS = {"HyperKvasir": "hyper-kvasir/labeled-images", "WCE": "wce-bleed-gen", "EDD": "edd2020"}
WIDTH = 320  # frames are scored at about this width, unless a row says otherwise
WORDS = (
    "Name: J. DOE",
    "Sex: F  Age: 57",
    "17/07/2015 13:42:07",
    "ID: 00482913",
    "D.O.B. 12/03/1961",
    "Dr. A. Smith",
    "Scope CF-H190L",
)
INKS = {"white": (255, 255, 255), "yellow": (255, 240, 60), "green": (60, 255, 90)}
INSETS = ("black", "white", "grey", "blue", "green", "random", "navigation", "second picture")
FILLS = {
    "black": (0, 0, 0),
    "white": (245, 245, 245),
    "grey": (128, 128, 128),
    "blue": (20, 40, 160),
    "green": (20, 110, 60),
}


def frames_of(shared: Path, count: int, rng: np.random.Generator) -> dict[str, list[Image.Image]]:
    """Draw `count` frames of each shared set, RGB, at most 640 wide."""
    drawn = {}
    for name, folder in SETS.items():
        paths = sorted((shared / "data" / folder).rglob("*.jpg"))
        chosen = rng.choice(len(paths), min(count, len(paths)), replace=False)
        drawn[name] = [_open(paths[k]) for k in chosen]
    return drawn


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.thumbnail((640, 640), Image.Resampling.BOX)
    return picture


def view_of(image: Image.Image) -> View:
    return find_view(Frame(np.asarray(image), image.width, image.height, "0" * 64))


def scaled(image: Image.Image, width: int = WIDTH) -> Image.Image:
    height = round(image.height * width / image.width)
    return image.resize((width, height), Image.Resampling.BOX)


def compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Give the intersection of two boxes over their union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return both / (areas[0] + areas[1] - both)


def stability(
    images: list[Image.Image], change: Callable[[Image.Image], Image.Image]
) -> list[float]:
    """Compare the box of each frame with the box of the same scene, changed."""
    found = []
    for image in images:
        other = change(image)
        before, after = view_of(image).box, view_of(other).box
        zoom = image.width / other.width
        found.append(overlap(before, tuple(side * zoom for side in after)))
    return found


def on_screen(image: Image.Image, where: str, rng: np.random.Generator) -> tuple[Image.Image, Box]:
    """Set the frame's view into a 1920×1080 screen with patient data and a second small picture."""
    screen = Image.new("RGB", (1920, 1080))
    height = int(rng.integers(900, 1081))
    picture = image.resize((round(image.width * height / image.height), height))
    free = 1920 - picture.width
    left = {"left": 0, "right": free, "centre": free // 2}[where]
    top = (1080 - height) // 2
    screen.paste(picture, (left, top))
    draw, size = ImageDraw.Draw(screen), int(rng.integers(18, 40))
    beside = picture.width + 20 if where == "left" else 20
    for line in range(8):
        draw.text((beside, 60 + 2 * size * line), WORDS[line % 7], INKS["white"], _font(size))
    if where != "centre":
        small = image.resize((free // 2, free // 2 * image.height // image.width))
        screen.paste(small, (beside, 1040 - small.height))
    x0, y0, x1, y1 = view_of(picture).box
    return screen, (x0 + left, y0 + top, x1 + left, y1 + top)


def with_inset(
    image: Image.Image, kind: str, other: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Paint an inset into a corner; gives the frame and bool H×W, True on the inset."""
    width, height = (int(rng.uniform(0.15, 0.34) * side) for side in image.size)
    left, top = rng.integers(2), 0 if image.width > 500 else rng.integers(2)
    margin = int(rng.choice([0, 0.01, 0.03]) * image.width)
    x = margin if left else image.width - width - margin
    y = image.height - height - margin if top else margin
    if kind == "second picture":
        tile = other.resize((width, height), Image.Resampling.BOX)
    elif kind == "random":
        tile = Image.new("RGB", (width, height), tuple(rng.integers(0, 256, 3).tolist()))
    elif kind == "navigation":
        tile = Image.new("RGB", (width, height), (10, 90, 80))
        points = [(rng.uniform(0.2, 0.8) * width, (k + 1) / 8 * height) for k in range(7)]
        ImageDraw.Draw(tile).line(points, (200, 200, 210), max(2, width // 25))
    else:
        tile = Image.new("RGB", (width, height), FILLS[kind])
    painted, truth = image.copy(), np.zeros((image.height, image.width), bool)
    painted.paste(tile, (x, y))
    truth[y : y + height, x : x + width] = True
    return painted, truth


def with_text(
    image: Image.Image, where: tuple[float, float], size: int, rng: np.random.Generator
) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Write three lines, `size` as on a frame 1280 wide; gives bool H×W, True on the ink."""
    large = image.resize((1280, round(1280 * image.height / image.width)), Image.Resampling.BICUBIC)
    ink = Image.new("L", large.size)
    x, y = where[0] * large.width, where[1] * large.height
    for line in range(3):
        text = WORDS[rng.integers(len(WORDS))]
        ImageDraw.Draw(ink).text((x, y + 1.3 * size * line), text, 255, _font(size))
    colour = list(INKS.values())[rng.integers(len(INKS))]
    large.paste(Image.new("RGB", large.size, colour), (0, 0), ink)
    shown = np.asarray(ink.resize(image.size, Image.Resampling.BOX)) > 100
    return large.resize(image.size, Image.Resampling.BOX), shown


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _percentiles(values: list[float]) -> str:
    low, fifth, middle = np.percentile(values, [1, 5, 50])
    return f"{middle:.3f}   {fifth:.3f}   {low:.3f}"


def boxes_table(images: list[Image.Image], rng: np.random.Generator) -> Table:
    def noisy(image: Image.Image) -> Image.Image:
        pixels = np.asarray(image) + rng.normal(0, 3, (image.height, image.width, 3))
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    table = Table("the same scene: box IoU", "median   5 %     1 %", title_justify="left")
    changes: dict[str, Callable[[Image.Image], Image.Image]] = {
        "at half the size": lambda image: scaled(image, image.width // 2),
        "at a quarter": lambda image: scaled(image, image.width // 4),
        "with noise of 3 levels": noisy,
        "as JPEG of quality 40": lambda image: compressed(image, 40),
    }
    for name, change in changes.items():
        table.add_row(name, _percentiles(stability(images, change)))
    for where in ("left", "right", "centre"):
        overlaps = []
        for image in images[::3]:
            screen, truth = on_screen(image, where, rng)
            overlaps.append(overlap(view_of(scaled(screen, 640)).box, tuple(c / 3 for c in truth)))
        table.add_row(f"on a 1920×1080 screen, {where}", _percentiles(overlaps))
    return table


def insets_table(images: list[Image.Image], rng: np.random.Generator) -> Table:
    table = Table("inset", "pixels blanked", "insets blanked by 95 %", "patient lost")
    for kind in INSETS:
        blanked, lost = [], []
        for image in images[::3]:
            painted, truth = with_inset(image, kind, images[rng.integers(len(images))], rng)
            before = view_of(scaled(image)).mask
            after = view_of(scaled(compressed(painted, 90))).mask
            inset = np.asarray(Image.fromarray(truth).resize(before.shape[::-1]))
            blanked.append(1 - after[inset].mean())
            lost.append((before & ~inset & ~after).sum() / before.sum())
        most = np.mean(np.array(blanked) > 0.95)
        table.add_row(kind, f"{np.mean(blanked):.3f}", f"{most:.2f}", f"{np.mean(lost):.4f}")
    return table


def texts_table(images: list[Image.Image], rng: np.random.Generator) -> Table:
    table = Table("text of size (at 1280)", "width", "blanked outside", "blanked over the view")
    for size in (12, 18, 26, 40):
        for width in (320, 640):
            outside, over = [], []
            for image in images[::4]:
                screen = Image.new("RGB", (image.width * 3 // 2, image.height))
                screen.paste(image, (image.width // 2, 0))
                at = (0.01, rng.uniform(0.05, 0.8))
                painted, ink = with_text(scaled(screen, width), at, size, rng)
                ink[:, view_of(scaled(screen, width)).box[0] :] = False
                if ink.any():
                    outside.append(1 - view_of(painted).mask[ink].mean())
                at = (rng.uniform(0.1, 0.5), rng.uniform(0.15, 0.7))
                painted, ink = with_text(scaled(image, width), at, size, rng)
                if ink.any():
                    over.append(1 - view_of(compressed(painted, 90)).mask[ink].mean())
            row = f"{np.mean(outside):.3f}", f"{np.mean(over):.3f}"
            table.add_row(str(size), str(width), *row)
    return table


def clean_table(frames: dict[str, list[Image.Image]]) -> Table:
    """Say what is blanked in frames as they are; HyperKvasir's and EDD's do hold text."""
    table = Table("frames as they are", "blanked as text", "as an inset that is not black")
    for name, images in frames.items():
        as_text, as_inset = [], []
        for image in images:
            small = scaled(image)
            view, levels = view_of(small), np.asarray(small).max(axis=2)
            area = np.count_nonzero(view.mask)
            as_text.append(sum(map(_area, view.texts)) / area)
            lit = [b for b in view.insets if levels[b[1] : b[3], b[0] : b[2]].mean() > 14]
            as_inset.append(sum(map(_area, lit)) / area)
        table.add_row(name, f"{np.mean(as_text):.4f}", f"{np.mean(as_inset):.4f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.view", description=__doc__)
    default = Path(os.environ.get("ENDOLINK_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=default, help="the shared real frames")
    parser.add_argument("--frames", type=int, default=100, help="frames of each data set")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    frames = frames_of(options.shared, options.frames, rng)
    images = [image for drawn in frames.values() for image in drawn]

    console = Console(width=100)
    console.print(boxes_table(images, rng))
    console.print(insets_table(images, rng))
    console.print(texts_table(images, rng))
    console.print(clean_table(frames))
    small = [np.asarray(image.resize((320, 256))) for image in images[:: len(images) // 60]]
    best = [min(_timed(Frame(pixels, 320, 256, "0" * 64)) for _ in range(10)) for pixels in small]
    console.print(f"find_view, 320×256: median {np.median(best):.2f} ms, most {max(best):.2f} ms")


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _timed(frame: Frame) -> float:
    start = time.perf_counter()
    find_view(frame)
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
