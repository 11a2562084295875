"""Fine-tune a network: one function that can stop after any epoch and go on as if it had not.

Nothing random outlives an epoch: the order of the frames, their augmentation and the dropout are
all drawn afresh from (seed, epoch), so that a checkpoint needs no generator's state.
"""

import ctypes
import dataclasses
import platform
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from endolink.model.calibration import probabilities
from endolink.model.errors import TrainingRefused
from endolink.model.runtime import available_cpus
from endolink.training import checkpoint
from endolink.training.augment import Augment
from endolink.training.checkpoint import CHECKPOINT
from endolink.training.feed import batches
from endolink.training.frames import Frames
from endolink.training.inference import autocast, infer, make, normalise
from endolink.training.loss import Loss
from endolink.training.metrics import Judged, top_scores
from endolink.training.network import Network
from endolink.training.recipe import Recipe

State = dict[str, Tensor]
Progress = Callable[[int, int, float], None]

_LAST_RATE = 0.01


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; `macro_f1` and `mcc` are of the averaged weights on validation."""

    epoch: int
    loss: float
    validation_loss: float
    macro_f1: float
    mcc: float
    seconds: float

    @property
    def merit(self) -> float:
        """What the best epoch has most of: the least validation loss.

        Not macro-F1: where a finding was seen in one or two patients of the validation frames, a
        single group decides that.
        """
        return -self.validation_loss


@dataclass(frozen=True, eq=False)
class Fitted:
    """The best epoch's averaged weights, and how it came there."""

    state: State
    best_epoch: int
    history: tuple[Epoch, ...]


def fit(
    recipe: Recipe,
    findings: tuple[str, ...],
    training: Frames,
    validation: Frames,
    *,
    folder: Path,
    progress: Progress | None = None,
    finished: Callable[[Epoch], None] | None = None,
) -> Fitted:
    """Train as `recipe` says, or go on from the checkpoint in `folder`.

    The squares are `size` pixels wide, cut as the service cuts them. `progress` is told epoch,
    frames finished and loss after every batch, `finished` of every epoch once it is on disk.

    Raises
    ------
    TrainingRefused
        The checkpoint is of another recipe, or the network cannot be made.
    """
    trainer = _Trainer(recipe, findings, training, validation)
    path = folder / CHECKPOINT
    if path.is_file():
        trainer.restore(path)
    with SummaryWriter(folder / "tensorboard") as board:
        while len(trainer.history) < recipe.epochs:
            done = trainer.epoch(progress or (lambda *_: None))
            for name in ("loss", "validation_loss", "macro_f1", "mcc"):
                board.add_scalar(name, getattr(done, name), done.epoch)
            trainer.save(path)
            if finished:
                finished(done)
    return Fitted(trainer.best, trainer.best_epoch, tuple(trainer.history))


class _Trainer:
    def __init__(
        self, recipe: Recipe, findings: tuple[str, ...], training: Frames, validation: Frames
    ) -> None:
        _keep_freed_memory()
        # Never more than OMP_NUM_THREADS asks for, nor than the container's quota allows.
        torch.set_num_threads(min(torch.get_num_threads(), available_cpus()))
        self.recipe, self.findings = recipe, findings
        self.training, self.validation = training, validation
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network: Network = make(recipe, len(findings)).to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        head = list(self.network.head.parameters())
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(self.network.features.parameters()), "scale": recipe.backbone_rate},
                {"params": head, "scale": 1.0},
            ],
            lr=recipe.rate,
            weight_decay=recipe.weight_decay,
        )
        self.augment = Augment(recipe.train_size, recipe.preprocess.fill)
        self.batches = -(-training.epoch_size(recipe.burst) // recipe.batch)
        self.loss = Loss(recipe, training, self.device)
        self.history: list[Epoch] = []
        self.best: State = {}
        self.best_epoch = -1

    def epoch(self, progress: Progress) -> Epoch:
        """Learn from an epoch's frames once each, then judge the validation frames."""
        started = perf_counter()
        number, key = len(self.history), (self.recipe.seed, len(self.history))
        torch.manual_seed(self.recipe.seed * 10_000 + number)
        self.network.train()
        total, seen = 0.0, 0
        order = self.training.draw(self.recipe.burst, np.random.default_rng(key))
        # Batches of nearly equal size: a last one of two frames would upset batch normalisation.
        parts = np.array_split(order, self.batches)
        for step, (rows, pixels) in enumerate(batches(self.training, parts, self.augment, key)):
            loss = self._step(number * self.batches + step, rows, pixels)
            total, seen = total + loss * len(rows), seen + len(rows)
            progress(number, seen, loss)
        done = self._judge(number, total / seen, started)
        if not self.history or done.merit > self.history[self.best_epoch].merit:
            self.best = {key: value.clone() for key, value in self.average.items()}
            self.best_epoch = number
        self.history.append(done)
        return done

    def _step(self, step: int, rows: NDArray[np.intp], pixels: Tensor) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * group["scale"] * self._rate(step)
        images = normalise(pixels.to(self.device), self.recipe)
        with autocast(self.device):
            logits = self.network(images.contiguous(memory_format=torch.channels_last)).logits
        loss = self.loss(logits.float(), self.training, rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        # Early averages forget fast, or the random head would linger in a short run.
        keep = min(self.recipe.average, (1 + step) / (10 + step))
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - keep)
            else:
                self.average[key].copy_(value)
        return loss.item()

    def _judge(self, number: int, loss: float, started: float) -> Epoch:
        network = make(dataclasses.replace(self.recipe, weights=None), len(self.findings))
        network.load_state_dict(self.average)
        frames = self.validation
        logits, _ = infer(network.to(self.device).eval(), frames, self.recipe)
        chances = probabilities(logits, 1.0)
        judged = Judged(
            self.findings,
            frames.present,
            frames.known,
            chances,
            chances >= 0.5,
            ("",) * len(chances),
        )
        every = np.arange(len(chances))
        validation_loss = self.loss(torch.from_numpy(logits).to(self.device), frames, every).item()
        f1, mcc = top_scores(judged)
        return Epoch(number, loss, validation_loss, f1, mcc, perf_counter() - started)

    def _rate(self, step: int) -> float:
        done = step / (self.batches * self.recipe.epochs)
        if done < self.recipe.warm_up:
            return (done + 1 / (self.batches * self.recipe.epochs)) / self.recipe.warm_up
        along = (done - self.recipe.warm_up) / (1 - self.recipe.warm_up)
        return _LAST_RATE + (1 - _LAST_RATE) * (1 + cos(pi * along)) / 2

    def save(self, path: Path) -> None:
        checkpoint.write(
            path,
            {
                "recipe": dataclasses.asdict(self.recipe),
                "findings": list(self.findings),
                "network": self.network.state_dict(),
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
                "history": [dataclasses.asdict(epoch) for epoch in self.history],
                "best": self.best,
                "best_epoch": self.best_epoch,
            },
        )

    def restore(self, path: Path) -> None:
        stored = checkpoint.read(path)
        if (stored["recipe"], stored["findings"]) != (
            dataclasses.asdict(self.recipe),
            list(self.findings),
        ):
            raise TrainingRefused(
                f"{path} was made by another recipe or of other findings; choose another --out"
            )
        self.network.load_state_dict(stored["network"])
        self.average = {key: value.to(self.device) for key, value in stored["average"].items()}
        self.optimizer.load_state_dict(stored["optimizer"])
        self.history = [Epoch(**epoch) for epoch in stored["history"]]
        self.best, self.best_epoch = stored["best"], stored["best_epoch"]


def _keep_freed_memory() -> None:
    """Have glibc keep what is freed: a step's tensors are as large as the last one's.

    By default it hands each of them back to the kernel, and touching the next one faults in every
    page anew: on two cores up to half of a step's time.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mmap_max, trim_threshold = -4, -1
    libc = ctypes.CDLL(None)
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)
