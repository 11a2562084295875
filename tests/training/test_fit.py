import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from endolink.model.errors import TrainingRefused
from endolink.training.fit import CHECKPOINT, Fitted, Frames, fit, infer, load, make
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


def test_frames_are_inferred_alike_whatever_the_batch(material: Material) -> None:
    network = make(TINY, 3).eval()
    frames = material.frames(range(7))
    one, several = infer(network, frames, TINY, batch=1), infer(network, frames, TINY, batch=5)
    for left, right in zip(one, several, strict=True):
        assert left.shape[0] == 7
        assert np.allclose(left, right, atol=1e-5)


def _burst(*sizes: int) -> Frames:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    none = np.zeros((len(groups), 1), bool)
    return Frames(np.empty((0, 8, 8, 4), np.uint8), np.arange(len(groups)), none, ~none, groups)


def test_an_epoch_takes_a_few_frames_of_a_burst_and_others_the_next_time() -> None:
    frames = _burst(100, 1, 3, 40)
    assert frames.epoch_size(8) == 8 + 1 + 3 + 8
    one, other = (frames.draw(8, np.random.default_rng(seed)) for seed in (0, 1))
    for drawn in (one, other):
        assert len(set(drawn)) == len(drawn) == 20
        assert np.bincount(frames.groups[drawn]).tolist() == [8, 1, 3, 8]
    assert set(one) != set(other)


def test_every_frame_has_its_turn_as_often_as_said() -> None:
    frames = _burst(20, 2)
    drawn = [frames.draw(5, np.random.default_rng(seed)) for seed in range(400)]
    often = np.bincount(np.concatenate(drawn)) / 400
    assert np.allclose(often, frames.share(5), atol=0.1)
    assert frames.share(5).tolist() == [0.25] * 20 + [1.0, 1.0]
