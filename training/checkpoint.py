"""A checkpoint: everything that going on with a run needs, and the network that it came to."""

import dataclasses
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from endolink.model.errors import TrainingRefused
from endolink.training.inference import make
from endolink.training.network import Network
from endolink.training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"


def load(path: Path) -> tuple[Recipe, tuple[str, ...], Network]:
    """Read a checkpoint's recipe, findings and best network, in evaluation on the CPU.

    Raises
    ------
    TrainingRefused
        There is no finished epoch at `path`.
    """
    stored = read(path)
    recipe, findings = Recipe(**stored["recipe"]), tuple(stored["findings"])
    network = make(dataclasses.replace(recipe, weights=None), len(findings))
    network.load_state_dict(stored["best"])
    return recipe, findings, network.eval()


def write(path: Path, stored: dict[str, Any]) -> None:
    """Write a checkpoint; a stop while writing leaves the last one whole."""
    unfinished = path.with_suffix(".part")
    torch.save(stored, unfinished)
    unfinished.replace(path)


def read(path: Path) -> dict[str, Any]:
    """Read everything that `write` wrote.

    Raises
    ------
    TrainingRefused
        `path` is no checkpoint.
    """
    try:
        stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError) as error:
        raise TrainingRefused(f"{path}: no checkpoint that can be read") from error
    return stored
