import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from endolink.model.errors import TrainingRefused
from endolink.training.config import CONFIG, claim, configure
from endolink.training.recipe import Recipe
from endolink.training.settings import Settings, resolve

GIVEN = {"data": ("folder:frames",), "out": "runs/first"}
FILE = """
data = ["folder:frames"]
out = "runs/first"
fold = "all"
seeds = 3

[recipe]
architecture = "resnet18"
size = 320
rate = 1e-3
"""


def test_options_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(FILE)
    settings = resolve(file, {"seeds": 2, "rate": 3e-3, "batch": None})
    assert settings == Settings(
        data=("folder:frames",),
        out="runs/first",
        recipe=Recipe(architecture="resnet18", size=320, train_size=274, rate=3e-3),
        fold="all",
        seeds=2,
    )


def test_what_a_run_noted_does_it_again(tmp_path: Path) -> None:
    settings = resolve(None, {**GIVEN, "size": 64, "fold": "2", "specificity": 0.9})
    claim(tmp_path, configure("endolink train ...")(settings, 0, 2))
    assert resolve(tmp_path / CONFIG, {"out": "runs/first"}) == settings


def test_every_resolved_value_is_said() -> None:
    lines = list(resolve(None, {**GIVEN, "freeze": 2}).lines())
    assert "recipe.freeze = 2" in lines
    assert 'data = ["folder:frames"]' in lines
    assert len(lines) == len(dataclasses.fields(Settings)) - 1 + len(dataclasses.fields(Recipe))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "--size 8: Input should be greater than or equal to 32"),
        ({"size": 5000}, "--size 5000: .* less than or equal to 1024"),
        ({"train_size": 8}, "--train-size 8: .* greater than or equal to 32"),
        ({"epochs": 0}, "--epochs 0: "),
        ({"batch": 1}, "--batch 1: "),
        ({"rate": float("nan")}, "--rate nan: "),
        ({"precision": "int4"}, "--precision int4: Input should be 'auto', 'fp32', "),
        ({"freeze": 6}, "--freeze: fewer than the epochs"),
        ({"accumulate": 20}, "--accumulate: leaves less than two"),
        ({"folds": 1}, "--folds 1: "),
        ({"fold": "5"}, "--fold: 0 to 4, or all"),
        ({"fold": "some"}, "--fold some: 0 or more, or all"),
        ({"fold": "all", "split": "split.csv"}, "--split: it is one split"),
        ({"seeds": 0}, "--seeds 0: "),
        ({"seed": -1}, "--seed -1: "),
        ({"split_seed": -1}, "--split-seed -1: "),
        ({"specificity": 1.0}, "--specificity 1.0: "),
        ({"data": None}, "--data: is needed"),
        ({"out": None}, "--out: is needed"),
    ],
)
def test_a_value_that_cannot_train_is_refused_by_its_option(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingRefused, match=message):
        resolve(None, {**GIVEN, **options})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "learning = 1", "learning: there is no such setting"),
        ("a.toml", "[recipe]\nlr = 1", "lr: there is no such setting"),
        ("a.toml", "recipe = 1", "should be a table"),
        ("a.toml", "data = [", r"a\.toml: not what its name says"),
        ("a.json", "[]", "should hold names and values"),
        ("none.toml", None, r"none\.toml: cannot be read"),
        ("a.toml", "[recipe]\nsize = '8'", "--size"),
    ],
)
def test_a_file_that_says_nothing_of_use_is_refused(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(TrainingRefused, match=message):
        resolve(tmp_path / name, GIVEN)


def test_a_file_of_json_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"recipe": {"epochs": 3}}))
    assert resolve(tmp_path / "a.json", GIVEN).recipe.epochs == 3
