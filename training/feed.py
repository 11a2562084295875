"""An epoch's batches, drawn a little ahead of their use."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from endolink.model.runtime import available_cpus
from endolink.training.drawing import Drawer, Example
from endolink.training.loss import Targets

_BATCHES_AHEAD = 2

Rows = NDArray[np.intp]
_Waiting = tuple[Rows, list[Future[Example]]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some frames drawn: `pixels` is uint8 [N, S, S, 3], `rows` [N] are their positions."""

    rows: Rows
    pixels: Tensor
    targets: Targets

    def __len__(self) -> int:
        return len(self.rows)


def batches(parts: Sequence[Rows], drawer: Drawer, key: tuple[int, int]) -> Iterator[Batch]:
    """Give each of `parts`, drawn.

    What is drawn for a frame depends on `key`, which is (seed, epoch), and the frame alone.
    """

    def draw(row: int) -> Example:
        return drawer(row, np.random.default_rng((*key, row)))

    waiting: deque[_Waiting] = deque()
    # Pillow releases the GIL; processes would pay in start-up and copies.
    with ThreadPoolExecutor(available_cpus()) as pool:
        for rows in parts:
            waiting.append((rows, [pool.submit(draw, int(row)) for row in rows]))
            if len(waiting) > _BATCHES_AHEAD:
                yield _collected(waiting.popleft())
        while waiting:
            yield _collected(waiting.popleft())


def _collected(waiting: _Waiting) -> Batch:
    rows, futures = waiting
    examples = [future.result() for future in futures]

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(example, name) for example in examples]))

    targets = Targets(
        stacked("present"),
        stacked("known"),
        stacked("outline"),
        torch.tensor([example.traced for example in examples]),
    )
    return Batch(rows, stacked("pixels"), targets)
