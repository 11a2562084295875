import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from endolink.model.errors import TrainingRefused
from endolink.training.checkpoint import CHECKPOINT, load
from endolink.training.fit import Fitted, fit
from endolink.training.inference import make
from endolink.training.recipe import Recipe
from endolink.training.run import Material
from tests.training.conftest import TINY

# With batch normalisation, dropout and averaging: everything that a stop could disturb.
TWO = Recipe(width=0.25, size=64, train_size=64, epochs=2, batch=8, dropout=0.3)


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


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(material: Material, tmp_path: Path) -> None:
    whole = _fit(TWO, material, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _fit(TWO, material, tmp_path / "stopped", stop_after=1)
    resumed = _fit(TWO, material, tmp_path / "stopped")
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
    assert not torch.equal(one.state["head.weight"], other.state["head.weight"])


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
    assert torch.equal(fitted.state["head.weight"], make(recipe, 3).head.weight)
