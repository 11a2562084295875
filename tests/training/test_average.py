import copy
import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from endolink.model.errors import TrainingRefused
from endolink.training import run
from endolink.training.average import AVERAGE, _Kitchen, average
from endolink.training.checkpoint import CHECKPOINT, load
from endolink.training.config import Config, read_config
from endolink.training.inference import infer, make
from endolink.training.recipe import Recipe
from endolink.training.run import Material
from tests.training.conftest import TINY, Silent


@pytest.fixture(scope="module")
def runs(
    configs: list[Config], material: Material, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Two finished runs that differ by their seed, from one start."""
    root = tmp_path_factory.mktemp("seeds")
    start = make(TINY, 3).features.state_dict()
    weights = root / "start.pth"
    torch.save({f"features.{key}": value for key, value in start.items()}, weights)
    places = []
    for seed in (0, 1):
        recipe = dataclasses.replace(TINY, seed=seed, weights=str(weights))
        places.append(root / f"seed-{seed}")
        run.train(dataclasses.replace(configs[0], recipe=recipe), material, places[-1], Silent())
    return places


def test_the_mean_is_a_run_that_is_no_worse(
    runs: list[Path], material: Material, tmp_path: Path
) -> None:
    averaged = average(runs, material, tmp_path, Silent(), command="endolink average ...")
    alone = [item.alone for item in averaged.ingredients]
    assert alone == sorted(alone)
    assert averaged.validation_loss <= alone[0]
    kept = [item.seed for item in averaged.ingredients if item.kept]
    assert read_config(tmp_path).averaged == tuple(kept)
    assert json.loads((tmp_path / AVERAGE).read_text())["ingredients"][0]["alone"] == alone[0]
    assert run.read_metrics(tmp_path).frames == run.read_metrics(runs[0]).frames
    _, _, network = load(tmp_path / CHECKPOINT)
    states = [load(runs[seed] / CHECKPOINT)[2].state_dict() for seed in kept]
    # The statistics of batch normalisation are measured anew.
    for key, value in network.named_parameters():
        assert torch.allclose(value, torch.stack([state[key] for state in states]).mean(0)), key
    assert ("taken as they are" in str(averaged)) == (len(kept) == 1)


def test_a_run_that_would_spoil_the_mean_is_left_out(
    runs: list[Path], material: Material, tmp_path: Path
) -> None:
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    for name in ("config.json", "split.csv"):
        (spoilt / name).write_bytes((runs[1] / name).read_bytes())
    stored = torch.load(runs[1] / CHECKPOINT, weights_only=True)
    stored["best"] = {
        # A variance must not be negative.
        key: torch.randn_like(value).abs() if value.is_floating_point() else value
        for key, value in stored["best"].items()
    }
    torch.save(stored, spoilt / CHECKPOINT)
    averaged = average([runs[0], spoilt], material, tmp_path / "mean", Silent(), command="x")
    assert [(item.run, item.kept) for item in averaged.ingredients] == [
        ("seed-0", True),
        ("spoilt", False),
    ]
    assert "its weights are taken as they are" in str(averaged)
    _, _, network = load(tmp_path / "mean" / CHECKPOINT)
    for key, value in load(runs[0] / CHECKPOINT)[2].state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


def test_statistics_of_normalisation_are_measured_anew(material: Material) -> None:
    recipe = Recipe(width=0.25, size=64, train_size=64, epochs=1, batch=8, dropout=0.0)
    frames = material.frames(range(len(material.samples)))
    kitchen = _Kitchen(recipe, material.findings, frames, frames)
    # The mean of two strangers needs other statistics than either.
    networks = [make(dataclasses.replace(recipe, seed=seed), 3).eval() for seed in (0, 1)]
    mixed = kitchen.mix(networks)
    stale = copy.deepcopy(mixed)
    for part, before in zip(stale.modules(), networks[0].modules(), strict=True):
        if isinstance(part, nn.BatchNorm2d):
            part.load_state_dict({**part.state_dict(), "running_var": before.running_var})
            part.load_state_dict({**part.state_dict(), "running_mean": before.running_mean})
    assert not any(part.training for part in mixed.modules())
    fresh, old = (infer(network, frames, recipe)[1] for network in (mixed, stale))
    # Unit variance goes in, and a bounded activation comes out, frame by frame another one.
    assert fresh.std(0).mean() > 10 * old.std(0).mean()


def test_runs_that_do_not_belong_together_are_refused(
    runs: list[Path], finished: Path, material: Material, tmp_path: Path
) -> None:
    with pytest.raises(TrainingRefused, match="two runs or more"):
        average([runs[0], runs[0]], material, tmp_path, Silent(), command="x")
    with pytest.raises(TrainingRefused, match="one's test frames taught the other"):
        average([runs[0], finished / "fold-1"], material, tmp_path, Silent(), command="x")
