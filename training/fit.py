"""Fine-tune a network: one function that can stop after any epoch and go on as if it had not.

Nothing random outlives an epoch: the order of the frames, their augmentation and the dropout are
all drawn afresh from (seed, epoch), so that a checkpoint needs no generator's state.
"""

import ctypes
import dataclasses
import platform
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from pickle import UnpicklingError
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from endolink.model.calibration import probabilities
from endolink.model.errors import TrainingRefused
from endolink.model.runtime import available_cpus
from endolink.training.augment import Augment
from endolink.training.metrics import Judged, top_scores
from endolink.training.network import Architecture, Network
from endolink.training.recipe import Recipe

State = dict[str, Tensor]
Bools = NDArray[np.bool_]
Progress = Callable[[int, int, float], None]

CHECKPOINT = "checkpoint.pt"
_BATCHES_AHEAD = 2
_LAST_RATE = 0.01


@dataclass(frozen=True, eq=False)
class Frames:
    """Labelled squares: `rows` of uint8 [M, S, S, 4], and for each its labels, [N, findings].

    The fourth channel is the mask of what is shown. `rows` keeps a memory-mapped array on disk.
    `groups` [N] numbers the group of near-copies that each frame belongs to.
    """

    squares: NDArray[np.uint8]
    rows: NDArray[np.intp]
    present: Bools
    known: Bools
    groups: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.rows)

    def share(self, burst: int) -> NDArray[np.float64]:
        """Say in what share of epochs each frame is learned from, [N], at `burst` of a group."""
        _, group, count = np.unique(self.groups, return_inverse=True, return_counts=True)
        return np.minimum(1.0, burst / count)[group]

    def epoch_size(self, burst: int) -> int:
        """Count the frames of an epoch that takes at most `burst` of each group."""
        return round(float(self.share(burst).sum()))

    def draw(self, burst: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Draw an epoch: positions in shuffled order, at most `burst` of each group."""
        order = rng.permutation(len(self))
        _, group = np.unique(self.groups[order], return_inverse=True)
        # The how-manieth of its group each frame is, in the shuffled order.
        by_group = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[by_group], group[by_group])
        place = np.empty(len(self), np.intp)
        place[by_group] = np.arange(len(self)) - starts
        return order[place < burst]


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


def load(path: Path) -> tuple[Recipe, tuple[str, ...], Network]:
    """Read a checkpoint's recipe, findings and best network, in evaluation on the CPU.

    Raises
    ------
    TrainingRefused
        There is no finished epoch at `path`.
    """
    stored = _read(path)
    recipe, findings = Recipe(**stored["recipe"]), tuple(stored["findings"])
    network = make(dataclasses.replace(recipe, weights=None), len(findings))
    network.load_state_dict(stored["best"])
    return recipe, findings, network.eval()


def make(recipe: Recipe, findings: int) -> Network:
    """Make the recipe's network, with the weights that it starts from."""
    torch.manual_seed(recipe.seed)
    architecture = Architecture(recipe.architecture, recipe.dropout, recipe.width)
    return Network(architecture, findings, recipe.weights)


def infer(
    network: Network, frames: Frames, recipe: Recipe, batch: int = 32
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run frames unaltered, in full precision: logits [N, findings] and embeddings [N, D]."""
    device = next(network.parameters()).device
    logits, embeddings = [], []
    with torch.inference_mode():
        for start in range(0, len(frames), batch):
            pixels = frames.squares[frames.rows[start : start + batch], :, :, :3]
            output = network(_normalise(torch.from_numpy(np.array(pixels)).to(device), recipe))
            logits.append(output.logits.cpu().numpy())
            embeddings.append(output.embedding.cpu().numpy())
    return np.concatenate(logits), np.concatenate(embeddings)


_Waiting = tuple[NDArray[np.intp], list[Future[NDArray[np.uint8]]]]


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
        self.weight = _presence_weight(training, recipe).to(self.device)
        self.history: list[Epoch] = []
        self.best: State = {}
        self.best_epoch = -1

    def epoch(self, progress: Progress) -> Epoch:
        """Learn from an epoch's frames once each, then judge the validation frames."""
        started = perf_counter()
        number = len(self.history)
        torch.manual_seed(self.recipe.seed * 10_000 + number)
        self.network.train()
        total, seen = 0.0, 0
        for step, (rows, pixels) in enumerate(self._augmented(number)):
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
        images = _normalise(pixels.to(self.device), self.recipe)
        with _autocast(self.device):
            logits = self.network(images.contiguous(memory_format=torch.channels_last)).logits
        loss = self._loss(logits.float(), self.training, rows)
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

    def _loss(self, logits: Tensor, frames: Frames, rows: NDArray[np.intp]) -> Tensor:
        present = torch.from_numpy(frames.present[rows]).float().to(self.device)
        known = torch.from_numpy(frames.known[rows]).float().to(self.device)
        smooth = self.recipe.smoothing
        target = present * (1 - smooth) + smooth / 2
        each = nn.functional.binary_cross_entropy_with_logits(
            logits, target, pos_weight=self.weight, reduction="none"
        )
        return (each * known).sum() / known.sum().clamp(min=1)

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
        validation_loss = self._loss(torch.from_numpy(logits).to(self.device), frames, every).item()
        f1, mcc = top_scores(judged)
        return Epoch(number, loss, validation_loss, f1, mcc, perf_counter() - started)

    def _augmented(self, epoch: int) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
        """Give an epoch's batches of nearly equal size, made a little ahead of their use."""
        recipe, frames = self.recipe, self.training

        def change(row: int) -> NDArray[np.uint8]:
            return self.augment(
                np.asarray(frames.squares[frames.rows[row]]),
                np.random.default_rng((recipe.seed, epoch, row)),
            )

        order = frames.draw(recipe.burst, np.random.default_rng((recipe.seed, epoch)))
        waiting: deque[_Waiting] = deque()
        with ThreadPoolExecutor(available_cpus()) as pool:
            for rows in np.array_split(order, self.batches):
                waiting.append((rows, [pool.submit(change, int(row)) for row in rows]))
                if len(waiting) > _BATCHES_AHEAD:
                    yield _collected(waiting.popleft())
            while waiting:
                yield _collected(waiting.popleft())

    def _rate(self, step: int) -> float:
        done = step / (self.batches * self.recipe.epochs)
        if done < self.recipe.warm_up:
            return (done + 1 / (self.batches * self.recipe.epochs)) / self.recipe.warm_up
        along = (done - self.recipe.warm_up) / (1 - self.recipe.warm_up)
        return _LAST_RATE + (1 - _LAST_RATE) * (1 + cos(pi * along)) / 2

    def save(self, path: Path) -> None:
        """Write everything that going on needs; a stop while writing leaves the last one whole."""
        unfinished = path.with_suffix(".part")
        torch.save(
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
            unfinished,
        )
        unfinished.replace(path)

    def restore(self, path: Path) -> None:
        stored = _read(path)
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


def _collected(waiting: _Waiting) -> tuple[NDArray[np.intp], Tensor]:
    rows, futures = waiting
    return rows, torch.from_numpy(np.stack([future.result() for future in futures]))


def _normalise(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Do `preprocess.normalise` to a batch: uint8 [N, S, S, 3] to float32 [N, 3, S, S]."""
    mean = pixels.new_tensor(recipe.preprocess.mean, dtype=torch.float32) * 255
    std = pixels.new_tensor(recipe.preprocess.std, dtype=torch.float32) * 255
    # The permuted view of channels-last pixels is already in the layout that convolutions like.
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)


def _presence_weight(frames: Frames, recipe: Recipe) -> Tensor:
    share = frames.share(recipe.burst)
    present = share @ (frames.present & frames.known)
    absent = share @ (~frames.present & frames.known)
    ratio = np.maximum(absent, 1) / np.maximum(present, 1)
    return torch.from_numpy(ratio**recipe.balance).float()


def _autocast(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where the hardware does, and in float32 where it would only imitate."""
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has = torch.cpu.get_capabilities()
        able = any(has.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(able))


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


def _read(path: Path) -> dict[str, Any]:
    try:
        stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError) as error:
        raise TrainingRefused(f"{path}: no checkpoint that can be read") from error
    return stored
