"""Fine-tune a network: one function that can stop after any epoch and go on as if it had not.

Nothing random outlives an epoch: the order of the frames, their augmentation and the dropout are
all drawn afresh from (seed, epoch), so that a checkpoint needs no generator's state.
"""

import ctypes
import dataclasses
import platform
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from endolink.model.calibration import probabilities
from endolink.model.errors import TrainingRefused
from endolink.model.runtime import available_cpus
from endolink.training import checkpoint, distributed
from endolink.training.checkpoint import CHECKPOINT
from endolink.training.drawing import Drawer, drawer_of
from endolink.training.feed import Batch, batches
from endolink.training.frames import Frames
from endolink.training.inference import arithmetic, infer, make, normalise
from endolink.training.loss import Loss, targets
from endolink.training.metrics import Judged, top_scores
from endolink.training.network import Network
from endolink.training.recipe import Recipe
from endolink.training.schedule import Schedule, parameter_groups
from endolink.training.trackers import tracking

State = dict[str, Tensor]
Progress = Callable[[int, int, float], None]
Draw = Callable[[Frames, Recipe], Drawer]

_TRACKED = ("loss", "validation_loss", "macro_f1", "mcc")


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
    drawer: Draw = drawer_of,
) -> Fitted:
    """Train as `recipe` says, or go on from the checkpoint in `folder`.

    The squares are `size` pixels wide, cut as the service cuts them. `progress` is told epoch,
    frames finished and loss after every batch, `finished` of every epoch once it is on disk.
    `drawer` makes what draws the training frames.

    Raises
    ------
    TrainingRefused
        The checkpoint is of another recipe, or the network cannot be made.
    """
    trainer = _Trainer(recipe, findings, training, validation, drawer)
    path = folder / CHECKPOINT
    if path.is_file():
        trainer.restore(path)
    with tracking(folder, recipe) as track:
        while not trainer.finished:
            done = trainer.epoch(progress or (lambda *_: None))
            trainer.save(path)
            track(
                done.epoch,
                {
                    name: getattr(done, name)
                    for name in ("loss", "validation_loss", "macro_f1", "mcc")
                },
            )
            if finished:
                finished(done)
    return Fitted(trainer.best, trainer.best_epoch, tuple(trainer.history))


class _Trainer:
    def __init__(
        self,
        recipe: Recipe,
        findings: tuple[str, ...],
        training: Frames,
        validation: Frames,
        drawer: Draw,
    ) -> None:
        _keep_freed_memory()
        # Never more than OMP_NUM_THREADS asks for, nor than the container's quota allows.
        torch.set_num_threads(min(torch.get_num_threads(), available_cpus()))
        self.recipe, self.findings = recipe, findings
        self.training, self.validation = training, validation
        self.device = distributed.device()
        self.network: Network = make(recipe, len(findings))
        _refuse_size(self.network, recipe)
        self.network.to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.network, recipe), lr=recipe.rate, weight_decay=recipe.weight_decay
        )
        self.arithmetic = arithmetic(recipe, self.device)
        # What is below fp16's range would otherwise be lost.
        half = self.arithmetic is torch.float16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half)
        self.drawer = drawer(training, recipe)
        self.updates = _updates(training.epoch_size(recipe.burst), recipe)
        self.schedule = Schedule(recipe, self.updates)
        self.loss = Loss(recipe, training, self.device)
        self.history: list[Epoch] = []
        self.best: State = {}
        self.best_epoch = -1

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or too many went by without a better one."""
        recipe, done = self.recipe, len(self.history)
        waited = done - 1 - self.best_epoch
        return done >= recipe.epochs or (recipe.patience is not None and waited >= recipe.patience)

    def epoch(self, progress: Progress) -> Epoch:
        """Learn from an epoch's frames, then judge the validation frames."""
        started = perf_counter()
        recipe, number = self.recipe, len(self.history)
        key = (recipe.seed, number)
        # Every process drops out otherwise.
        torch.manual_seed(recipe.seed * 10_000 + number + distributed.rank() * 1_000_003)
        learner = distributed.parallel(self._thaw(number))
        order = self.training.draw(recipe.burst, np.random.default_rng(key), recipe.sampling)
        # Updates of nearly equal size: a last one of two frames would upset batch normalisation.
        updates = np.array_split(order, self.updates)
        parts = [
            distributed.share(part)
            for rows in updates
            for part in np.array_split(rows, recipe.accumulate)
        ]
        fed = batches(parts, self.drawer, key)
        total, seen = 0.0, 0
        for step, rows in enumerate(updates):
            loss = self._update(
                learner, number * self.updates + step, len(rows), islice(fed, recipe.accumulate)
            )
            total, seen = total + loss * len(rows), seen + len(rows)
            progress(number, seen, loss)
        # Batch normalisation saw other frames in every process; one of them counts.
        distributed.follow(self.network.state_dict())
        distributed.follow(self.average)
        mean = float(np.mean(distributed.gather(total / seen)))
        done = self._judge(number, mean, started)
        if not self.history or done.merit > self.history[self.best_epoch].merit:
            self.best = {key: value.clone() for key, value in self.average.items()}
            self.best_epoch = number
        self.history.append(done)
        return done

    def _thaw(self, epoch: int) -> Network:
        """Set the network up for an epoch: what is frozen keeps its running statistics, too."""
        frozen = epoch < self.recipe.freeze
        self.network.train()
        self.network.thaw(frozen=frozen)
        return self.network

    def _update(
        self,
        learner: nn.Module,
        update: int,
        count: int,
        parts: Iterable[Batch],
    ) -> float:
        """Change the weights once, by the mean gradient of `count` frames."""
        head, backbone = self.schedule.head(update), self.schedule.backbone(update)
        for group in self.optimizer.param_groups:
            group["lr"] = head if group["share"] is None else backbone * group["share"]
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for number, batch in enumerate(parts, 1):
            last = number == self.recipe.accumulate
            with nullcontext() if last else distributed.apart(learner):
                # The processes' gradients are averaged, and a part counts by its share of frames.
                weight = len(batch) * distributed.size() / count
                loss = self._forward(learner, batch) * weight
                self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # Early averages forget fast, or the random head would linger in a short run.
        keep = min(self.recipe.average, (1 + update) / (10 + update))
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - keep)
            else:
                self.average[key].copy_(value)
        return total

    def _forward(self, learner: nn.Module, batch: Batch) -> Tensor:
        images = normalise(batch.pixels.to(self.device), self.recipe)
        with torch.autocast(
            self.device.type, self.arithmetic, enabled=self.arithmetic is not torch.float32
        ):
            outputs = learner(images.contiguous(memory_format=torch.channels_last))
        return self.loss(outputs, batch.targets)

    def _judge(self, number: int, loss: float, started: float) -> Epoch:
        network = make(dataclasses.replace(self.recipe, weights=None), len(self.findings))
        network.load_state_dict(self.average)
        frames = self.validation
        mine = frames.take(distributed.share(np.arange(len(frames))))
        found, _ = infer(network.to(self.device).eval(), mine, self.recipe)
        logits = np.concatenate(distributed.gather(found))
        validation_loss, f1, mcc = judge(self.loss, self.findings, frames, logits)
        return Epoch(number, loss, validation_loss, f1, mcc, perf_counter() - started)

    def save(self, path: Path) -> None:
        if distributed.leads():
            checkpoint.write(
                path,
                {
                    "recipe": dataclasses.asdict(self.recipe),
                    "findings": list(self.findings),
                    "network": self.network.state_dict(),
                    "average": self.average,
                    "optimizer": self.optimizer.state_dict(),
                    "scaler": self.scaler.state_dict(),
                    "history": [dataclasses.asdict(epoch) for epoch in self.history],
                    "best": self.best,
                    "best_epoch": self.best_epoch,
                },
            )
        distributed.wait()

    def restore(self, path: Path) -> None:
        stored = checkpoint.read(path)
        if (Recipe(**stored["recipe"]), tuple(stored["findings"])) != (self.recipe, self.findings):
            raise TrainingRefused(
                f"{path} was made by another recipe or of other findings; choose another --out"
            )
        self.network.load_state_dict(stored["network"])
        self.average = {key: value.to(self.device) for key, value in stored["average"].items()}
        self.optimizer.load_state_dict(stored["optimizer"])
        self.scaler.load_state_dict(stored["scaler"])
        self.history = [Epoch(**epoch) for epoch in stored["history"]]
        self.best, self.best_epoch = stored["best"], stored["best_epoch"]


def judge(
    loss: Loss, findings: tuple[str, ...], frames: Frames, logits: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Give the loss, macro-F1 and MCC of `frames` with logits [N, findings]."""
    chances = probabilities(logits, 1.0)
    judged = Judged(
        findings, frames.present, frames.known, chances, chances >= 0.5, ("",) * len(chances)
    )
    every = np.arange(len(chances))
    judged_logits = torch.from_numpy(logits).to(loss.device)
    value = loss.labels(judged_logits, targets(frames, every)).item()
    return (value, *top_scores(judged))


def _refuse_size(network: Network, recipe: Recipe) -> None:
    """Try one black frame of each side; raises TrainingRefused where one is too small."""
    network.eval()
    for side in sorted({recipe.train_size, recipe.size}):
        try:
            with torch.no_grad():
                network(torch.zeros(1, 3, side, side))
        except RuntimeError as error:
            raise TrainingRefused(
                f"size: {recipe.architecture} cannot take frames {side} pixels wide: {error}; give "
                "a larger --size and --train-size"
            ) from error


def _updates(frames: int, recipe: Recipe) -> int:
    """Count an epoch's updates.

    Raises
    ------
    TrainingRefused
        A process would have less than two frames of a part.
    """
    updates = -(-frames // recipe.batch)
    parts = recipe.accumulate * distributed.size()
    if parts > 1 and frames // updates < 2 * parts:
        raise TrainingRefused(
            f"batch: {frames:,} frames in updates of {recipe.batch} leave less than two a part, in "
            f"{recipe.accumulate} parts on {distributed.size()} processes"
        )
    return updates


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
