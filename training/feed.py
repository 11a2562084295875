"""An epoch's batches, augmented a little ahead of their use."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from endolink.model.runtime import available_cpus
from endolink.training.augment import Augment
from endolink.training.frames import Frames

_BATCHES_AHEAD = 2

Rows = NDArray[np.intp]
_Waiting = tuple[Rows, list[Future[NDArray[np.uint8]]]]


def batches(
    frames: Frames, parts: Sequence[Rows], augment: Augment, key: tuple[int, int]
) -> Iterator[tuple[Rows, Tensor]]:
    """Give each of `parts` with its pixels, uint8 [N, S, S, 3], augmented.

    What is drawn for a frame depends on `key`, which is (seed, epoch), and the frame alone.
    """

    def change(row: int) -> NDArray[np.uint8]:
        square = np.asarray(frames.squares[frames.rows[row]])
        return augment(square, np.random.default_rng((*key, row)))

    waiting: deque[_Waiting] = deque()
    # Pillow releases the GIL; processes would pay in start-up and copies.
    with ThreadPoolExecutor(available_cpus()) as pool:
        for rows in parts:
            waiting.append((rows, [pool.submit(change, int(row)) for row in rows]))
            if len(waiting) > _BATCHES_AHEAD:
                yield _collected(waiting.popleft())
        while waiting:
            yield _collected(waiting.popleft())


def _collected(waiting: _Waiting) -> tuple[Rows, Tensor]:
    rows, futures = waiting
    return rows, torch.from_numpy(np.stack([future.result() for future in futures]))
