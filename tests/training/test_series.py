import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from endolink.model.errors import TrainingRefused
from endolink.training import run, series
from endolink.training.config import Config, configure
from endolink.training.run import Material
from endolink.training.settings import resolve
from tests.training.conftest import Silent


def test_folds_are_summed_up(finished: Path) -> None:
    summary = json.loads((finished / "metrics.json").read_text())
    values = [fit["macro-f1"] for fit in summary["fits"]]
    assert [fit["fold"] for fit in summary["fits"]] == [0, 1]
    assert summary["over_fits"]["macro-f1"]["mean"] == pytest.approx(sum(values) / 2)
    assert summary["over_fits"]["macro-f1"]["std"] == pytest.approx(np.std(values, ddof=1))
    pooled = series.read_pooled(finished)
    assert pooled.frames == 36
    assert "2 folds" in pooled.measured_on


def test_seeds_are_told_with_their_spread_and_go_on(
    configs: list[Config], material: Material, tmp_path: Path
) -> None:
    members = [
        series.Member(
            f"seed-{seed}",
            dataclasses.replace(
                configs[0], recipe=dataclasses.replace(configs[0].recipe, seed=seed)
            ),
        )
        for seed in (0, 1)
    ]
    run.train(members[0].config, material, tmp_path / "seed-0", Silent())
    before = (tmp_path / "seed-0" / "checkpoint.pt").stat().st_mtime_ns
    display = Silent()
    summary = series.train_all(members, material, tmp_path, display)
    assert (tmp_path / "seed-0" / "checkpoint.pt").stat().st_mtime_ns == before
    assert any("finished already" in line for line in display.lines)
    each = [run.read_metrics(tmp_path / member.place) for member in members]
    figure = next(item for item in summary["over_seeds"] if item["name"] == "mcc")
    values = [fit["mcc"] for fit in summary["fits"]]
    assert figure["mean"] == pytest.approx(np.mean(values))
    assert (figure["least"], figure["most"]) == (min(values), max(values))
    pooled = series.read_pooled(tmp_path)
    assert pooled.frames == sum(item.frames for item in each)
    assert pooled.groups == each[0].groups
    assert "2 seeds" in pooled.measured_on


def test_every_seed_has_every_fold() -> None:
    settings = resolve(
        None,
        {"data": ("folder:x",), "out": "y", "fold": "all", "folds": 2, "seeds": 2, "seed": 5},
    )
    members = series.members(settings, configure("endolink train"))
    assert [member.place for member in members] == [
        "seed-5/fold-0",
        "seed-5/fold-1",
        "seed-6/fold-0",
        "seed-6/fold-1",
    ]
    assert [(m.config.recipe.seed, m.config.fold) for m in members] == [
        (5, 0),
        (5, 1),
        (6, 0),
        (6, 1),
    ]
    single = resolve(None, {"data": ("folder:x",), "out": "y", "fold": "1"})
    assert [member.place for member in series.members(single, configure(""))] == [""]


def test_what_is_no_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="not a finished cross-validation"):
        series.read_pooled(tmp_path)
