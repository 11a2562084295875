"""Frames that no endoscope took: what a familiarity must flag.

Noise and documents are rendered here, the same on every machine; a few photographs come with the
libraries that are installed anyway; everything else is a folder that the user names.
"""

import io
import string
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage, stats

from endolink.model.classifier import Classifier
from endolink.model.errors import DataError, FrameError
from endolink.model.manifest import Figure
from endolink.model.runtime import available_cpus
from endolink.training.datasets.samples import SUFFIXES

Progress = Callable[[int], None]
Pixels = NDArray[np.uint8]

RENDERED = 100
_SIZE = (640, 512)
_FACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf")


@dataclass(frozen=True)
class Flagged:
    """How many frames of one kind from outside were called unfamiliar.

    `share` is of the `frames` that could be read; `skipped` could not.
    """

    kind: str
    frames: int
    skipped: int
    share: Figure


@dataclass(frozen=True)
class Outside:
    """Images of one kind: each is read when it is needed."""

    kind: str
    count: int
    images: Callable[[], Iterator[bytes]]


def open_outside(name: str) -> Outside:
    """Give the images that `name` stands for: `noise`, `documents`, `photographs`, or a folder.

    Raises
    ------
    DataError
        It is neither such a word nor a folder with images.
    """
    if name == "noise":
        return Outside(name, RENDERED, lambda: map(_noise, range(RENDERED)))
    if name == "documents":
        return Outside(name, RENDERED, lambda: map(_document, range(RENDERED)))
    folder = Path(name)
    paths = photographs() if name == "photographs" else _images(folder)
    if not paths:
        raise DataError(
            f"{name}: no image there; give noise, documents, photographs or a folder of images"
        )
    kind = name if name == "photographs" else folder.resolve().name
    return Outside(kind, len(paths), lambda: (path.read_bytes() for path in paths))


def flag(classifier: Classifier, outside: Outside, progress: Progress | None = None) -> Flagged:
    """Judge every image, and count those that are not familiar."""

    def walk(data: bytes) -> bool | None:
        try:
            (verdict,) = classifier.score([data])
        except FrameError:
            return None
        finally:
            if progress:
                progress(1)
        return not verdict.familiar

    with ThreadPoolExecutor(available_cpus()) as pool:
        answers = list(pool.map(walk, outside.images()))
    flags = np.array([answer for answer in answers if answer is not None], bool)
    skipped = len(answers) - len(flags)
    return Flagged(outside.kind, len(flags), skipped, share(flags, "flagged"))


def share(flags: NDArray[np.bool_], name: str) -> Figure:
    """Give the share of flags that are set, each frame counting for itself; 0 where there is none.

    No groups are known, so that the interval is Clopper & Pearson's.
    """
    if not len(flags):
        return Figure(name, 0.0)
    count = int(flags.sum())
    ends = stats.binomtest(count, len(flags)).proportion_ci(method="exact")
    return Figure(name, count / len(flags), float(ends.low), float(ends.high))


def photographs() -> list[Path]:
    """List the natural photographs that scikit-learn, Matplotlib and scikit-image bring along."""
    found = []
    for package, folder, names in _PHOTOGRAPHS:
        root = _package(package)
        if root is not None:
            found += [root / folder / name for name in names]
    return [path for path in found if path.is_file()]


_PHOTOGRAPHS = (
    ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
    ("matplotlib", "mpl-data/sample_data", ("grace_hopper.jpg",)),
    (
        "skimage",
        "data",
        (
            "astronaut.png",
            "brick.png",
            "camera.png",
            "cat.png",
            "chelsea.png",
            "coffee.png",
            "coins.png",
            "grass.png",
            "gravel.png",
            "hubble_deep_field.jpg",
            "moon.png",
            "motorcycle_left.png",
            "motorcycle_right.png",
            "rocket.jpg",
        ),
    ),
)


def _package(name: str) -> Path | None:
    import importlib.util  # noqa: PLC0415

    spec = importlib.util.find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _noise(number: int) -> bytes:
    """Render noise of one of six kinds: per pixel, in clouds, in cells, in stripes, plain, bars."""
    rng = np.random.default_rng((1, number))
    width, height = _SIZE
    kind = number % 6
    if kind == 0:
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    elif kind == 1:
        rough = rng.normal(size=(height, width, 3))
        clouds = ndimage.gaussian_filter(rough, (*([rng.uniform(4, 40)] * 2), 0))
        pixels = np.clip(128 + clouds / clouds.std() * 50, 0, 255).astype(np.uint8)
    elif kind == 2:
        cells = rng.integers(0, 256, (*rng.integers(3, 40, 2), 3), np.uint8)
        pixels = np.asarray(Image.fromarray(cells).resize(_SIZE, Image.Resampling.NEAREST))
    elif kind == 3:
        y, x = np.mgrid[:height, :width]
        wave = np.sin((x * rng.normal() + y * rng.normal()) / rng.uniform(2, 30))
        pixels = np.clip(rng.uniform(0, 255, 3) * (wave[:, :, None] + 1), 0, 255).astype(np.uint8)
    elif kind == 4:
        pixels = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3)).copy()
    else:
        bars = rng.integers(0, 256, (1, int(rng.integers(4, 16)), 3), np.uint8)
        pixels = np.asarray(Image.fromarray(bars).resize(_SIZE, Image.Resampling.NEAREST))
    return _png(Image.fromarray(pixels))


def _document(number: int) -> bytes:
    """Render a page: headings, paragraphs and a ruled table, black on paper of some tint."""
    rng = np.random.default_rng((2, number))
    paper = tuple(int(value) for value in rng.integers(215, 256, 3))
    page = Image.new("RGB", _SIZE if number % 2 else _SIZE[::-1], paper)
    draw = ImageDraw.Draw(page)
    face = str(rng.choice(_FACES))
    size = int(rng.integers(9, 18))
    font = ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", face)), size)
    ink = tuple(int(value) for value in rng.integers(0, 90, 3))
    margin, y = page.width // 12, page.height // 14
    while y < page.height * 0.92:
        if rng.random() < 0.12:
            row = size * 2
            for column in range(4):
                left = margin + column * (page.width - 2 * margin) // 4
                right = left + (page.width - 2 * margin) // 4
                draw.rectangle((left, y, right, y + row), outline=ink)
                draw.text((left + 4, y + 4), _words(rng, 1), ink, font)
            y += row
        else:
            draw.text((margin, y), _words(rng, int(rng.integers(3, 11))), ink, font)
            y += round(size * 1.4)
    return _png(page)


def _words(rng: np.random.Generator, count: int) -> str:
    letters = list(string.ascii_lowercase)
    return " ".join("".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(count))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
