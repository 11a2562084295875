"""The outlines of a finding, cut exactly as the frames are that they were drawn on."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endolink.model.errors import DataError
from endolink.model.frame import Frame
from endolink.model.preprocess import Preprocess, read, square
from endolink.model.runtime import available_cpus
from endolink.model.view import View
from endolink.training.datasets.samples import Sample

Progress = Callable[[int], None]


def walk(
    samples: Sequence[Sample],
    finding: str,
    preprocess: Preprocess,
    folder: Path,
    *,
    key: str,
    progress: Progress | None = None,
) -> NDArray[np.uint8]:
    """Cut every sample's outline of `finding`, or read what an earlier walk left in `folder`.

    Gives uint8 [N, size, size], 255 inside, memory-mapped; 0 where nobody drew one. `key` names
    the frames' own cache.

    Raises
    ------
    DataError
        An outline cannot be read, or is of another size than its frame; the message names it.
    """
    folder = folder.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(f"{key} {finding}".encode())
    for sample in samples:
        if finding in sample.outlines:
            digest.update(sample.outlines[finding].read_bytes())
    path = folder / f"outlines-{digest.hexdigest()[:32]}.npy"
    report = progress or (lambda _: None)
    if path.is_file():
        report(len(samples))
        return _mapped(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    side = preprocess.size
    drawn = np.lib.format.open_memmap(
        unfinished, mode="w+", dtype=np.uint8, shape=(len(samples), side, side)
    )

    def fill(row: int) -> None:
        if finding in samples[row].outlines:
            drawn[row] = cut(samples[row], finding, preprocess)

    try:
        with ThreadPoolExecutor(available_cpus()) as pool:
            for _ in pool.map(fill, range(len(samples))):
                report(1)
        drawn.flush()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return _mapped(path)


def _mapped(path: Path) -> NDArray[np.uint8]:
    drawn: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return drawn


def cut(sample: Sample, finding: str, preprocess: Preprocess) -> NDArray[np.uint8]:
    """Cut one sample's outline of `finding`, uint8 size×size, 255 inside.

    Raises
    ------
    DataError
        As `walk` says.
    """
    path = sample.outlines[finding]
    frame, view = read(sample.read(), preprocess, declared=sample.path.suffix)
    try:
        with Image.open(path) as image:
            outline = image.convert("L")
    except OSError as error:
        raise DataError(f"{path}: no outline that can be read") from error
    if outline.size != (frame.width, frame.height):
        raise DataError(
            f"{path} is {outline.width}×{outline.height}, its frame "
            f"{frame.width}×{frame.height}: an outline is drawn on the frame as it is"
        )
    height, width = frame.pixels.shape[:2]
    small = np.asarray(outline.resize((width, height), Image.Resampling.BOX))
    drawn = Frame(np.repeat(small[:, :, None], 3, 2), frame.width, frame.height, frame.sha256)
    black = Preprocess(preprocess.size, preprocess.resample, mean=(0.0, 0.0, 0.0))
    return square(drawn, View(view.box, view.mask), black)[:, :, 0]
