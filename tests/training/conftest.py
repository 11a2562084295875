from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from endolink.training import run, series
from endolink.training.config import Config, libraries
from endolink.training.recipe import Recipe
from endolink.training.run import Material
from tests.training.pictures import fill_folder

# Five convolutions: real in every part, and traced for export in a second or two.
TINY = Recipe(
    architecture="alexnet",
    size=64,
    train_size=64,
    epochs=1,
    batch=8,
    dropout=0.0,
    rate=1e-2,
    backbone_rate=0.1,
    average=0.5,
)


class Silent:
    """A display that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: dict[str, list[int]] = {}

    def stage(self, what: str, total: int | None) -> Callable[[int], None]:
        self.done[what] = [total or 0, 0]

        def advance(count: int) -> None:
            self.done[what][1] += count

        return advance

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled folder of 3 findings, 12 frames each."""
    return fill_folder(tmp_path_factory.mktemp("data") / "drawn", 12)


@pytest.fixture(scope="session")
def material(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return run.gather([f"folder:{frames}"], TINY, tmp_path_factory.mktemp("cache"), Silent())


@pytest.fixture(scope="session")
def configs(frames: Path) -> list[Config]:
    return [
        Config(
            data=(f"folder:{frames}",),
            recipe=TINY,
            folds=2,
            fold=fold,
            split_seed=0,
            split=None,
            specificity=0.9,
            command="endolink train --data folder:drawn --fold all --folds 2 --out runs/cv",
            git_commit=None,
            libraries=libraries(),
        )
        for fold in range(2)
    ]


@pytest.fixture(scope="session")
def finished(
    configs: list[Config], material: Material, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a finished two-fold cross-validation."""
    folder = tmp_path_factory.mktemp("runs") / "cv"
    members = [series.Member(f"fold-{config.fold}", config) for config in configs]
    series.train_all(members, material, folder, Silent())
    return folder
