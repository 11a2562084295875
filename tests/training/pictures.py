"""Small labelled pictures for the training tests: each label has a colour, each frame a texture."""

from pathlib import Path

import numpy as np
from PIL import Image

from endolink.training.datasets.samples import Sample

COLOURS = {"polyp": (200, 70, 60), "cecum": (190, 140, 60), "bbps-2-3": (120, 90, 150)}


def draw(label: str, number: int, *, width: int = 120, height: int = 96) -> Image.Image:
    """Draw a lit octagon of the label's colour on black, with blotches of its own."""
    rng = np.random.default_rng((len(label), ord(label[0]), number))
    blotches = Image.fromarray(rng.integers(0, 256, (9, 11), np.uint8))
    light = np.asarray(blotches.resize((width, height), Image.Resampling.BICUBIC)) / 255
    colour = np.array(COLOURS[label]) * (0.55 + 0.6 * light[:, :, None])
    y, x = np.mgrid[:height, :width]
    inside = (x + y > 16) & (width - x + y > 16) & (x + height - y > 16)
    inside &= width - x + height - y > 18
    return Image.fromarray((np.clip(colour, 0, 255) * inside[:, :, None]).astype(np.uint8))


def fill_folder(root: Path, each: int, *, labels: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """Draw `each` frames of every label into `root/LABEL/NN.jpg`."""
    for label in labels:
        (root / label).mkdir(parents=True)
        for number in range(each):
            draw(label, number).save(root / label / f"{number:02}.jpg", quality=90)
    return root


def sample(file: str, finding: str = "polyp", group: str | None = None) -> Sample:
    """Make a sample of which only the labels matter."""
    known = frozenset({"polyp", "cecum", "bbps-2-3"})
    return Sample(Path(file), f"set/{file}", frozenset({finding}), known, group)
