import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from endolink.model.errors import TrainingRefused
from endolink.training.config import CONFIG, Config, claim, git_commit, libraries, read_config
from endolink.training.console import command_line
from endolink.training.recipe import Recipe

FIRST = Config(
    data=("folder:frames", "hyper-kvasir:hyper-kvasir"),
    recipe=Recipe(rate=1e-3, weights="imagenet"),
    folds=5,
    fold=0,
    split_seed=3,
    split=None,
    specificity=0.95,
    command="endolink train --data folder:frames --out first",
    git_commit="0123abc",
    libraries={"torch": "2.0"},
)


def test_what_is_claimed_is_read_again(tmp_path: Path) -> None:
    claim(tmp_path, FIRST)
    assert read_config(tmp_path) == FIRST


def test_a_run_goes_on_under_its_first_config(tmp_path: Path) -> None:
    claim(tmp_path, FIRST)
    claim(tmp_path, dataclasses.replace(FIRST, command="said anew", git_commit=None, libraries={}))
    assert read_config(tmp_path) == FIRST


@pytest.mark.parametrize(
    "change",
    [
        {"data": ("folder:frames",)},
        {"recipe": Recipe(rate=2e-3, weights="imagenet")},
        {"folds": 4},
        {"fold": 1},
        {"split_seed": 4},
        {"split": "split.csv"},
        {"specificity": 0.9},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_folder_is_not_given_to_a_run_configured_otherwise(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    claim(tmp_path, FIRST)
    with pytest.raises(TrainingRefused, match="configured otherwise"):
        claim(tmp_path, dataclasses.replace(FIRST, **change))
    assert read_config(tmp_path) == FIRST


@pytest.mark.parametrize(
    "change",
    [{"fold": -1}, {"folds": 1}, {"specificity": 1.0}, {"split_seed": -1}, {"place": "here"}],
    ids=lambda change: next(iter(change)),
)
def test_a_config_that_decides_no_run_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    claim(tmp_path, FIRST)
    stored = json.loads((tmp_path / CONFIG).read_text())
    with pytest.raises(ValidationError):
        Config(**{**stored, **change})
    (tmp_path / CONFIG).write_text(json.dumps({**stored, **change}))
    with pytest.raises(TrainingRefused, match="not the folder of a run"):
        read_config(tmp_path)


def test_the_command_is_recorded_without_the_place_it_was_given_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, out = tmp_path / "my frames", tmp_path / "runs" / "first"
    monkeypatch.setattr(
        sys,
        "argv",
        ["/bin/endolink", "train", "--data", f"folder:{frames}", "--out", str(out), "--seed", "1"],
    )
    claim(tmp_path, dataclasses.replace(FIRST, command=command_line()))
    assert (
        read_config(tmp_path).command
        == "endolink train --data 'folder:my frames' --out first --seed 1"
    )


def test_the_code_and_its_libraries_are_named() -> None:
    commit = git_commit()
    assert commit is None or (len(commit) == 40 and int(commit, 16) >= 0)
    assert libraries()["torch"] == torch.__version__
