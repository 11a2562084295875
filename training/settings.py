"""What `endolink train` is asked for: a file of settings, options, or both; options win.

recipe.toml
    data = ["folder:my-frames"]
    fold = "all"
    seeds = 3

    [recipe]
    architecture = "resnet18"
    epochs = 12

A run's config.json is such a file as well: `--config runs/first/config.json` does it again.
"""

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from endolink.model.errors import TrainingRefused
from endolink.training.recipe import Recipe

RECIPE_FIELDS = tuple(item.name for item in dataclasses.fields(Recipe))

# What a config.json notes beside what decided the run.
_NOTES = ("command", "git_commit", "libraries", "averaged")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """One call of `endolink train`; `fold` is a number from 0, or all of them.

    `also` are data sets that are only learned from, as rendered frames: they are in every fold's
    training part, and judge nothing.
    """

    data: Annotated[tuple[str, ...], Field(min_length=1)]
    out: str
    also: tuple[str, ...] = ()
    recipe: Recipe = field(default_factory=Recipe)
    folds: Annotated[int, Field(ge=2)] = 5
    fold: Annotated[int, Field(ge=0)] | Literal["all"] = 0
    split: str | None = None
    split_seed: Annotated[int, Field(ge=0)] = 0
    seeds: Annotated[int, Field(ge=1)] = 1
    specificity: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.95
    sensitivity: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fold != "all" and self.fold >= self.folds:
            raise ValueError(f"fold: 0 to {self.folds - 1}, or all")
        if self.fold == "all" and self.split is not None:
            raise ValueError("split: it is one split, and cannot be cross-validated")
        return self

    def lines(self) -> Iterator[str]:
        """Say every resolved value, one a line, as a file of settings would."""
        for item in dataclasses.fields(self):
            if item.name != "recipe":
                yield f"{item.name} = {json.dumps(getattr(self, item.name))}"
        yield from (
            f"recipe.{name} = {json.dumps(getattr(self.recipe, name))}" for name in RECIPE_FIELDS
        )


_SETTINGS = TypeAdapter(Settings)


def resolve(file: Path | None, options: Mapping[str, Any]) -> Settings:
    """Put a file of settings (TOML, or a run's config.json) and options together.

    `options` are named after the fields of Settings and Recipe; those that are None were not given.

    Raises
    ------
    TrainingRefused
        The file cannot be read, a name is unknown, or a value cannot train; the message names it.
    """
    stored = {} if file is None else _read(file)
    given = {name: value for name, value in options.items() if value is not None}
    inner = stored.pop("recipe", {})
    if not isinstance(inner, dict):
        raise TrainingRefused(f"{file}: recipe: should be a table, as [recipe]")
    recipe = {**inner, **{name: given.pop(name) for name in RECIPE_FIELDS if name in given}}
    size = recipe.get("size")
    if isinstance(size, int) and "train_size" not in recipe:
        recipe["train_size"] = max(32, size * 6 // 7)
    if isinstance(given.get("fold"), str) and given["fold"].isdigit():
        given["fold"] = int(given["fold"])
    try:
        return _SETTINGS.validate_python({**stored, **given, "recipe": recipe})
    except ValidationError as error:
        raise TrainingRefused(_reason(error)) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text()
        stored = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise TrainingRefused(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TrainingRefused(f"{file}: not what its name says: {error}") from error
    if not isinstance(stored, dict):
        raise TrainingRefused(f"{file}: should hold names and values")
    return {name: value for name, value in stored.items() if name not in _NOTES}


def _reason(error: ValidationError) -> str:
    """Say the first thing that is wrong, by the option's name."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    names = [str(part) for part in first["loc"] if part != "recipe"]
    if not names:
        # What several values have wrong together names the option itself.
        name, _, message = message.partition(": ")
        names = [name]
    option = "--" + names[0].replace("_", "-")
    if first["type"] == "unexpected_keyword_argument":
        return f"{names[0]}: there is no such setting; `endolink train --help` lists them"
    if first["type"] == "missing":
        return f"{option}: is needed, as an option or in the file of --config"
    if first["loc"][:1] == ("fold",):
        # Pydantic names the first of the two kinds that a fold may be.
        message = "0 or more, or all"
    value = first["input"]
    shown = f" {value}" if isinstance(value, str | int | float) else ""
    return f"{option}{shown}: {message}"
