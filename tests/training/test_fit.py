import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from endolink.model.errors import TrainingRefused
from endolink.training.checkpoint import CHECKPOINT, load
from endolink.training.fit import Fitted, State, fit
from endolink.training.inference import make
from endolink.training.network import Network
from endolink.training.recipe import Recipe
from endolink.training.run import Material
from tests.training.conftest import TINY

# With batch normalisation, dropout and averaging: everything that a stop could disturb.
TWO = Recipe(width=0.25, size=64, train_size=64, epochs=2, batch=8, dropout=0.3)


def apart(one: State, other: State, start: State) -> float:
    """Say how far two networks are from each other, as a share of how far they came."""
    between = sum((one[key] - other[key]).square().sum() for key in one)
    come = sum((one[key] - start[key]).square().sum() for key in one)
    return float((between / come) ** 0.5)


def _fit(recipe: Recipe, material: Material, folder: Path, stop_after: int | None = None) -> Fitted:
    folder.mkdir(exist_ok=True)

    def progress(epoch: int, frames: int, _: float) -> None:
        if epoch == stop_after:
            raise KeyboardInterrupt

    rows = list(range(len(material.samples)))
    return fit(
        recipe,
        material.findings,
        material.frames(rows[::2]),
        material.frames(rows[1::2]),
        folder=folder,
        progress=progress,
    )


def test_frames_too_small_for_the_network_are_refused(material: Material, tmp_path: Path) -> None:
    small = dataclasses.replace(TINY, size=32, train_size=32)
    with pytest.raises(TrainingRefused, match="alexnet cannot take frames 32 pixels wide"):
        _fit(small, material, tmp_path / "run")


@pytest.mark.parametrize(
    "recipe",
    [TWO, dataclasses.replace(TWO, freeze=1, accumulate=2, layer_decay=0.8, sampling=0.5)],
    ids=["plain", "frozen first, in parts"],
)
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    recipe: Recipe, material: Material, tmp_path: Path
) -> None:
    whole = _fit(recipe, material, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _fit(recipe, material, tmp_path / "stopped", stop_after=1)
    resumed = _fit(recipe, material, tmp_path / "stopped")
    assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in whole.history]
    one, other = (
        torch.load(tmp_path / name / CHECKPOINT, weights_only=True) for name in ("whole", "stopped")
    )
    for part in ("network", "average", "best"):
        for key, value in one[part].items():
            assert torch.equal(value, other[part][key]), key


def test_another_seed_is_another_network(material: Material, tmp_path: Path) -> None:
    one = _fit(TINY, material, tmp_path / "one")
    other = _fit(dataclasses.replace(TINY, seed=1), material, tmp_path / "other")
    assert not torch.equal(one.state["head.maps.weight"], other.state["head.maps.weight"])


def test_a_few_epochs_tell_colours_apart(material: Material, tmp_path: Path) -> None:
    history = _fit(dataclasses.replace(TINY, epochs=6), material, tmp_path / "run").history
    assert max(epoch.macro_f1 for epoch in history) > 0.8
    assert history[-1].loss < history[0].loss


def test_a_checkpoint_of_another_recipe_is_refused(material: Material, tmp_path: Path) -> None:
    _fit(TINY, material, tmp_path / "run")
    with pytest.raises(TrainingRefused, match="another recipe"):
        _fit(dataclasses.replace(TINY, rate=1e-3), material, tmp_path / "run")
    (tmp_path / "run" / CHECKPOINT).write_bytes(b"damaged")
    with pytest.raises(TrainingRefused, match="no checkpoint"):
        _fit(TINY, material, tmp_path / "run")


def test_what_is_loaded_is_the_best_epochs_average(material: Material, tmp_path: Path) -> None:
    fitted = _fit(TINY, material, tmp_path / "run")
    recipe, findings, network = load(tmp_path / "run" / CHECKPOINT)
    assert (recipe, findings) == (TINY, material.findings)
    for key, value in network.state_dict().items():
        assert torch.equal(value, fitted.state[key])


def test_unknown_labels_teach_nothing(material: Material, tmp_path: Path) -> None:
    frames = material.frames(range(12))
    unknown = dataclasses.replace(frames, known=np.zeros_like(frames.known))
    recipe = dataclasses.replace(TINY, weight_decay=0.0)
    fitted = fit(recipe, material.findings, unknown, frames, folder=tmp_path)
    assert torch.equal(fitted.state["head.maps.weight"], make(recipe, 3).head.maps.weight)


def test_what_is_frozen_does_not_learn_and_then_does(material: Material, tmp_path: Path) -> None:
    recipe = dataclasses.replace(TWO, freeze=1, epochs=2)
    start = make(recipe, 3).state_dict()
    with pytest.raises(KeyboardInterrupt):
        _fit(recipe, material, tmp_path / "run", stop_after=1)
    states = [torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["network"]]
    _fit(recipe, material, tmp_path / "run")
    states.append(torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["network"])
    backbone = [key for key in start if key.startswith("features.")]
    assert all(torch.equal(states[0][key], start[key]) for key in backbone)
    assert not torch.equal(states[0]["head.maps.weight"], start["head.maps.weight"])
    moved = [key for key in backbone if not torch.equal(states[1][key], start[key])]
    assert len(moved) == len(backbone)


def test_an_update_in_parts_is_the_update_in_one(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without batch normalisation the parts' mean gradient is that of the whole.
    def unnormed(recipe: Recipe, findings: int) -> Network:
        network = make(recipe, findings)
        for part in network.head.modules():
            if isinstance(part, torch.nn.Sequential):
                for name, child in part.named_children():
                    if isinstance(child, torch.nn.BatchNorm2d):
                        part.add_module(name, torch.nn.Identity())
        return network

    monkeypatch.setattr("endolink.training.fit.make", unnormed)
    full = dataclasses.replace(TINY, precision="fp32")
    one = _fit(full, material, tmp_path / "one")
    parts = _fit(dataclasses.replace(full, accumulate=3), material, tmp_path / "parts")
    assert apart(one.state, parts.state, unnormed(full, 3).state_dict()) < 0.01
    assert parts.history[0].loss == pytest.approx(one.history[0].loss, rel=1e-4)


def test_it_stops_when_nothing_gets_better(material: Material, tmp_path: Path) -> None:
    # A rate that no network survives: the first epoch stays the best one.
    wild = dataclasses.replace(TINY, epochs=9, patience=2, rate=5.0, warm_up=0.0)
    fitted = _fit(wild, material, tmp_path / "run")
    assert len(fitted.history) == fitted.best_epoch + 3 < 9
    again = _fit(wild, material, tmp_path / "run")
    assert again.history == fitted.history


def test_parts_of_a_frame_or_two_are_refused(material: Material, tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="leave less than two a part"):
        _fit(dataclasses.replace(TINY, batch=4, accumulate=2, burst=1), material, tmp_path / "run")


def test_half_precision_learns_and_goes_on_alike(material: Material, tmp_path: Path) -> None:
    half = dataclasses.replace(TINY, precision="fp16", epochs=2)
    whole = _fit(half, material, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _fit(half, material, tmp_path / "stopped", stop_after=1)
    stored = torch.load(tmp_path / "stopped" / CHECKPOINT, weights_only=True)
    assert stored["scaler"]["scale"] > 1
    resumed = _fit(half, material, tmp_path / "stopped")
    assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in whole.history]
    full = _fit(dataclasses.replace(half, precision="fp32"), material, tmp_path / "full")
    assert whole.history[0].loss == pytest.approx(full.history[0].loss, rel=0.05)
