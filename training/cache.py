"""Every frame decoded, cropped and blanked once: an epoch then costs augmentation and network."""

import hashlib
import inspect
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import endolink.model.frame
import endolink.model.header
import endolink.model.inset
import endolink.model.preprocess
import endolink.model.similarity
import endolink.model.text
import endolink.model.view
from endolink.model.errors import DataError, FrameError
from endolink.model.frame import Frame
from endolink.model.preprocess import Preprocess, read, square
from endolink.model.runtime import available_cpus
from endolink.model.similarity import SIZE, describe
from endolink.model.view import View
from endolink.training.datasets.samples import Sample

DEFAULT_FOLDER = Path("~/.cache/endolink")

# The code that a cached square depends on: a change to it is a new cache.
_ROAD = (
    endolink.model.frame,
    endolink.model.header,
    endolink.model.inset,
    endolink.model.preprocess,
    endolink.model.similarity,
    endolink.model.text,
    endolink.model.view,
)

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Cached:
    """Every sample's square, uint8 [N, size, size, 4], and descriptor, float32 [N, SIZE].

    RGB is what `preprocess.square` cuts out; the fourth channel is 255 where a patient is shown and
    0 where the fill stands. Descriptors are those of `similarity`. Both are memory-mapped.
    """

    squares: NDArray[np.uint8]
    descriptors: NDArray[np.float32]


def walk(
    samples: Sequence[Sample],
    preprocess: Preprocess,
    folder: Path,
    progress: Progress | None = None,
) -> Cached:
    """Walk every sample's road once, or read what an earlier walk left in `folder`.

    The files are named after the frames' contents and the road's code. `progress` is told the
    number of frames as they are finished.

    Raises
    ------
    DataError
        A file cannot be decoded; the message names it.
    """
    folder = folder.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    key = name_of(samples, preprocess)
    paths = folder / f"squares-{key}.npy", folder / f"descriptors-{key}.npy"
    report = progress or (lambda _: None)
    if all(path.is_file() for path in paths):
        report(len(samples))
    else:
        _build(samples, preprocess, paths, report)
    return Cached(np.load(paths[0], mmap_mode="r"), np.load(paths[1], mmap_mode="r"))


def cut(sample: Sample, preprocess: Preprocess) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Walk one sample's road: its square, uint8 size×size×4, and its descriptor, float32 [SIZE].

    Raises
    ------
    DataError
        The file cannot be decoded; the message names it.
    """
    try:
        frame, view = read(sample.read(), preprocess, declared=sample.path.suffix)
    except FrameError as error:
        raise DataError(f"{sample.path}: {error.detail}") from error
    picture = square(frame, view, preprocess)
    # What is shown is cut and resized by the same function: a white picture on black.
    white = Frame(np.full_like(frame.pixels, 255), frame.width, frame.height, frame.sha256)
    black = Preprocess(preprocess.size, preprocess.resample, mean=(0.0, 0.0, 0.0))
    stencil = square(white, View(view.box, view.mask), black)
    return np.concatenate([picture, stencil[:, :, :1]], axis=2), describe(frame, view)


def _build(
    samples: Sequence[Sample],
    preprocess: Preprocess,
    paths: tuple[Path, Path],
    progress: Progress,
) -> None:
    count, side = len(samples), preprocess.size
    # Written under another name: an interrupted build is never taken for a finished one.
    unfinished = [path.with_name(f"{path.name}.{os.getpid()}") for path in paths]
    with ExitStack() as stack:
        for path in unfinished:
            stack.callback(path.unlink, missing_ok=True)
        squares = _create(unfinished[0], np.uint8, (count, side, side, 4))
        descriptors = _create(unfinished[1], np.float32, (count, SIZE))

        def fill(row: int) -> None:
            squares[row], descriptors[row] = cut(samples[row], preprocess)

        # Decoding and resizing release the GIL; processes would pay in start-up and copies.
        with ThreadPoolExecutor(available_cpus()) as pool:
            for _ in pool.map(fill, range(count)):
                progress(1)
        squares.flush()
        descriptors.flush()
        for path, finished in zip(unfinished, paths, strict=True):
            path.replace(finished)


def _create(path: Path, kind: type[np.generic], shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
    return np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)


def name_of(samples: Sequence[Sample], preprocess: Preprocess) -> str:
    """Name a cache after the frames' contents and the road's code."""
    digest = hashlib.sha256(repr(preprocess).encode())
    for module in _ROAD:
        digest.update(inspect.getsource(module).encode())
    for sample in samples:
        digest.update(hashlib.sha256(sample.read()).digest())
    return digest.hexdigest()[:32]
