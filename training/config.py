"""What decided a run: it stands in the run folder as config.json."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from endolink.model.errors import TrainingRefused
from endolink.training.recipe import Recipe
from endolink.training.settings import Settings

CONFIG = "config.json"
_LIBRARIES = ("torch", "torchvision", "onnx", "onnxruntime", "numpy", "pillow", "scikit-learn")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Config:
    """What decided a run. `data` and `split` are as they were typed; `command` is without paths.

    `also` are the data sets that are only learned from. Operating points hold `specificity`, or
    where it is given `sensitivity` instead. `averaged` are the seeds of the runs whose weights this
    one's network is the mean of, if it is.
    """

    data: tuple[str, ...]
    recipe: Recipe
    folds: Annotated[int, Field(ge=2)]
    fold: Annotated[int, Field(ge=0)]
    split_seed: Annotated[int, Field(ge=0)]
    split: str | None
    specificity: Annotated[float, Field(gt=0.0, lt=1.0)]
    command: str
    git_commit: str | None
    libraries: dict[str, str]
    also: tuple[str, ...] = ()
    sensitivity: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    averaged: tuple[Annotated[int, Field(ge=0)], ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that the network goes back to."""
        return self.averaged or (self.recipe.seed,)

    @property
    def decisive(self) -> "Config":
        """The run without what may differ from one call to the next that goes on with it."""
        return replace(self, command="", git_commit=None, libraries={})


_CONFIG = TypeAdapter(Config)


def configure(command: str) -> Callable[[Settings, int, int], Config]:
    """Give what makes a run's config out of what was asked for, a seed and a fold."""
    commit, versions = git_commit(), libraries()

    def made(settings: Settings, seed: int, fold: int) -> Config:
        return Config(
            data=settings.data,
            also=settings.also,
            recipe=replace(settings.recipe, seed=seed),
            folds=settings.folds,
            fold=fold,
            split_seed=settings.split_seed,
            split=settings.split,
            specificity=settings.specificity,
            sensitivity=settings.sensitivity,
            command=command,
            git_commit=commit,
            libraries=versions,
        )

    return made


def read_config(run: Path) -> Config:
    """Read a run's config.json.

    Raises
    ------
    TrainingRefused
        `run` is no folder of a run.
    """
    try:
        return _CONFIG.validate_json((run / CONFIG).read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingRefused(f"{run} is not the folder of a run: no {CONFIG} to read") from error


def claim(folder: Path, config: Config) -> None:
    """Write the config into a new run's folder.

    Raises
    ------
    TrainingRefused
        The folder belongs to a run that was configured otherwise.
    """
    path = folder / CONFIG
    if path.is_file():
        if read_config(folder).decisive != config.decisive:
            raise TrainingRefused(
                f"{folder} holds a run that was configured otherwise; choose another --out, or "
                "delete it"
            )
        return
    path.write_bytes(_CONFIG.dump_json(config, indent=2) + b"\n")


def git_commit() -> str | None:
    """Name the commit of this code; None where it is installed without its repository."""
    git = shutil.which("git")
    if git is None:
        return None
    here = Path(__file__).resolve().parent
    asked = subprocess.run(  # noqa: S603 - a fixed command
        [git, "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def libraries() -> dict[str, str]:
    """Give the versions of what a network depends on."""
    return {name: version(name) for name in _LIBRARIES}
