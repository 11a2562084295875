"""The mean of several runs' weights: one network, at the cost of one.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time", ICML 2022. Their greedy recipe: the runs join one by one, the
best first, and one stays only where the mean is then no worse on the validation frames.
"""

import copy
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from endolink.model.errors import TrainingRefused
from endolink.training import checkpoint
from endolink.training.checkpoint import CHECKPOINT, load
from endolink.training.config import claim, git_commit, libraries, read_config
from endolink.training.drawing import drawer_of
from endolink.training.feed import batches
from endolink.training.fit import judge
from endolink.training.frames import Frames
from endolink.training.inference import infer, normalise
from endolink.training.loss import Loss
from endolink.training.network import Network
from endolink.training.recipe import Recipe
from endolink.training.run import METRICS, SPLIT, Display, Material, conclude
from endolink.training.splits import read_split

AVERAGE = "average.json"

State = dict[str, Tensor]


@dataclass(frozen=True)
class Ingredient:
    """A run that was tried: its validation loss, alone and as the mean with those kept before."""

    run: str
    seed: int
    alone: float
    together: float
    kept: bool


@dataclass(frozen=True)
class Averaged:
    """What came of it; `uniform` is the validation loss of the mean of all."""

    ingredients: tuple[Ingredient, ...]
    validation_loss: float
    uniform: float

    def __str__(self) -> str:
        kept = [item for item in self.ingredients if item.kept]
        best = self.ingredients[0]
        everything = f"the mean of all {len(self.ingredients)} has {self.uniform:.4f}"
        if len(kept) == 1:
            return (
                f"no mean is as good on the validation frames as {best.run} alone "
                f"({best.alone:.4f}; {everything}): its weights are taken as they are"
            )
        names = ", ".join(item.run for item in kept)
        return (
            f"the mean of {names} has a validation loss of {self.validation_loss:.4f}, the best "
            f"alone {best.alone:.4f}; {everything}"
        )


def average(
    runs: Sequence[Path], material: Material, folder: Path, display: Display, *, command: str
) -> Averaged:
    """Average the best networks of `runs`, and leave a finished run in `folder`.

    Raises
    ------
    TrainingRefused
        The runs have not one architecture, input and split; or `folder` is taken.
    """
    if len(set(runs)) < 2:
        raise TrainingRefused("averaging needs two runs or more")
    configs = [read_config(run) for run in runs]
    loaded = [load(run / CHECKPOINT) for run in runs]
    split = read_split(runs[0] / SPLIT, material.samples)
    for run, (recipe, findings, _) in zip(runs, loaded, strict=True):
        if (_shape(recipe), findings) != (_shape(loaded[0][0]), loaded[0][1]):
            raise TrainingRefused(f"{run} is another network than {runs[0]}, or has other findings")
        if read_split(run / SPLIT, material.samples).rows != split.rows:
            raise TrainingRefused(
                f"{run} has another split than {runs[0]}: one's test frames taught the other"
            )
    kitchen = _Kitchen(
        loaded[0][0],
        loaded[0][1],
        material.frames(split.indices("train")),
        material.frames(split.indices("validation")),
    )
    done = display.stage("average", 2 * len(runs))
    networks = [network for _, _, network in loaded]
    alone = []
    for network in networks:
        alone.append(kitchen.judge(network))
        done(1)
    order = [int(row) for row in np.argsort(alone, kind="stable")]
    kept, best, least = [order[0]], networks[order[0]], alone[order[0]]
    tried = {order[0]: least}
    for row in order[1:]:
        mixed = kitchen.mix([networks[one] for one in [*kept, row]])
        tried[row] = kitchen.judge(mixed)
        if tried[row] <= least:
            kept, best, least = [*kept, row], mixed, tried[row]
        done(1)
    everything = least if len(kept) == len(runs) else kitchen.judge(kitchen.mix(networks))
    done(1)
    averaged = Averaged(
        tuple(
            Ingredient(
                runs[row].name, configs[row].recipe.seed, alone[row], tried[row], row in kept
            )
            for row in order
        ),
        least,
        everything,
    )
    first = configs[order[0]]
    folder.mkdir(parents=True, exist_ok=True)
    claim(
        folder,
        dataclasses.replace(
            first,
            command=f"{first.command}\n{command}",
            git_commit=git_commit(),
            libraries=libraries(),
            averaged=tuple(configs[row].recipe.seed for row in kept),
        ),
    )
    split.write(folder / SPLIT)
    checkpoint.write(
        folder / CHECKPOINT,
        {
            "recipe": dataclasses.asdict(first.recipe),
            "findings": list(material.findings),
            "best": best.state_dict(),
        },
    )
    (folder / AVERAGE).write_text(json.dumps(dataclasses.asdict(averaged), indent=2) + "\n")
    if not (folder / METRICS).is_file():
        conclude(folder, material, split, display)
    return averaged


class _Kitchen:
    def __init__(
        self, recipe: Recipe, findings: tuple[str, ...], training: Frames, validation: Frames
    ) -> None:
        self.recipe, self.findings = recipe, findings
        self.training, self.validation = training, validation
        self.loss = Loss(recipe, training, torch.device("cpu"))

    def judge(self, network: Network) -> float:
        logits, _ = infer(network, self.validation, self.recipe)
        return judge(self.loss, self.findings, self.validation, logits)[0]

    def mix(self, networks: Sequence[Network]) -> Network:
        """Take the mean of all weights; the statistics of the features are measured anew."""
        states = [network.state_dict() for network in networks]
        mixed = copy.deepcopy(networks[0])
        mixed.load_state_dict(
            {
                key: torch.stack([state[key] for state in states]).mean(0)
                if value.is_floating_point()
                else value
                for key, value in states[0].items()
            }
        )
        self._settle(mixed)
        return mixed.eval()

    @torch.no_grad()
    def _settle(self, network: Network) -> None:
        """Measure what batch normalisation needs over an epoch's augmented frames."""
        layers = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
        if not layers:
            return
        for layer in layers:
            layer.reset_running_stats()
            # None is the plain mean over all batches.
            layer.momentum = None
            layer.train()
        recipe = self.recipe
        key = (recipe.seed, recipe.epochs)
        order = self.training.draw(recipe.burst, np.random.default_rng(key), recipe.sampling)
        parts = np.array_split(order, -(-len(order) // recipe.batch))
        for batch in batches(parts, drawer_of(self.training, recipe), key):
            network(normalise(batch.pixels, recipe))


def _shape(recipe: Recipe) -> tuple[object, ...]:
    return recipe.architecture, recipe.width, recipe.stem, recipe.preprocess
