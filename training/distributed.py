"""Several processes that train one network: `torchrun --nproc-per-node 2 -m endolink train ...`.

Without torchrun there is one process, which leads. Everything here is then without effect.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# The others wait while the leader decodes a data set, or exports.
_PATIENCE = timedelta(days=1)

Thing = TypeVar("Thing")


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun started, for as long as the block lasts."""
    if dist.is_initialized() or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if gpu else "gloo", timeout=_PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Give this process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Count the processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def leads() -> bool:
    """Whether this is the one process that writes and talks."""
    return rank() == 0


def device() -> torch.device:
    """Give the device that this process computes on."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def wait() -> None:
    """Wait until all have come here."""
    if dist.is_initialized():
        dist.barrier()


@contextmanager
def leader_first() -> Iterator[None]:
    """Let the leader do the block, and the others after it, with what it left on disk."""
    if not leads():
        wait()
    yield
    if leads():
        wait()


def share(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Take this process's part of `rows`; all of them together have every one once."""
    return np.array_split(rows, size())[rank()]


def gather(mine: Thing) -> list[Thing]:
    """Give everybody what each has, in the order of their numbers."""
    if not dist.is_initialized():
        return [mine]
    found: list[Thing] = [mine] * size()
    dist.all_gather_object(found, mine)
    return found


def follow(state: dict[str, Tensor]) -> None:
    """Overwrite everybody's tensors with the leader's."""
    if dist.is_initialized():
        for value in state.values():
            dist.broadcast(value, 0)


def parallel(network: nn.Module) -> nn.Module:
    """Have the gradients of the parameters that learn now averaged over the processes.

    Batch normalisation goes by each process's own frames; the leader's statistics are kept.
    """
    if not dist.is_initialized():
        return network
    return DistributedDataParallel(network)


def apart(network: nn.Module) -> AbstractContextManager[None]:
    """Let each process keep its gradients to itself within the block, to be averaged later."""
    return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()
