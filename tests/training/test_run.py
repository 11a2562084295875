import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from endolink.model.classifier import Classifier
from endolink.model.errors import ExportRefused, TrainingRefused
from endolink.model.manifest import Evaluation
from endolink.training import run, series
from endolink.training.config import Config, read_config
from endolink.training.run import BUNDLE, Material
from endolink.training.splits import read_split, split_fold
from tests.training.conftest import TINY, Silent
from tests.training.pictures import draw, fill_folder


def test_a_run_folder_holds_what_reproduces_it(
    finished: Path, configs: list[Config], material: Material
) -> None:
    fold = finished / "fold-0"
    assert read_config(fold) == configs[0]
    assert read_split(fold / "split.csv", material.samples).counts()["train"] > 0
    assert len(json.loads((fold / "history.json").read_text())) == configs[0].recipe.epochs
    evaluation = run.read_metrics(fold)
    names = {figure.name for figure in evaluation.figures}
    assert {"macro-f1", "mcc", "accuracy", "sensitivity", "specificity", "auroc", "ece"} <= names


def test_what_is_finished_is_not_done_again(
    finished: Path, configs: list[Config], material: Material
) -> None:
    display = Silent()
    before = (finished / "fold-1" / "checkpoint.pt").stat().st_mtime_ns
    later = dataclasses.replace(configs[1], command="another way to say it")
    evaluation = run.train(later, material, finished / "fold-1", display)
    assert evaluation == run.read_metrics(finished / "fold-1")
    assert (finished / "fold-1" / "checkpoint.pt").stat().st_mtime_ns == before
    assert "finished already" in display.lines[-1]


def test_a_folder_of_another_run_is_refused(
    finished: Path, configs: list[Config], material: Material
) -> None:
    with pytest.raises(TrainingRefused, match="configured otherwise"):
        run.train(configs[0], material, finished / "fold-1", Silent())


def test_what_was_learned_from_is_not_tested_on_after_the_data_changed(
    configs: list[Config], frames: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(frames, tmp_path / "drawn")
    config = dataclasses.replace(configs[0], data=(f"folder:{data}",))

    def go_on() -> Evaluation:
        material = run.gather(config.data, TINY, tmp_path / "cache", Silent())
        return run.train(config, material, tmp_path / "run", Silent())

    whole = go_on()
    # As if it had been stopped before its frames were judged.
    (tmp_path / "run" / "metrics.json").unlink()
    split = (tmp_path / "run" / "split.csv").read_bytes()
    for number in range(70, 76):
        draw("polyp", number).save(data / "polyp" / f"{number}.jpg")
    with pytest.raises(TrainingRefused, match="another split: 6 frames are new, 0 are gone"):
        go_on()
    assert (tmp_path / "run" / "split.csv").read_bytes() == split
    for number in range(70, 76):
        (data / "polyp" / f"{number}.jpg").unlink()
    assert go_on() == whole


def test_one_run_and_several_do_not_share_a_folder(
    finished: Path, configs: list[Config], material: Material
) -> None:
    single = finished / "fold-0"
    before = (single / "metrics.json").read_bytes()
    members = [series.Member(f"fold-{config.fold}", config) for config in configs]
    with pytest.raises(TrainingRefused, match="holds a single run"):
        series.train_all(members, material, single, Silent())
    assert (single / "metrics.json").read_bytes() == before
    with pytest.raises(TrainingRefused, match="holds several runs"):
        run.train(configs[0], material, finished, Silent())
    assert not (finished / "config.json").exists()


def test_a_split_made_beforehand_serves_with_data_that_is_only_learned_from(
    configs: list[Config], material: Material, tmp_path: Path
) -> None:
    rendered = fill_folder(tmp_path / "rendered", 2)
    split = split_fold(material.samples, material.groups, count=3, fold=0, seed=0)
    split.write(tmp_path / "split.csv")
    config = dataclasses.replace(
        configs[0], also=(f"folder:{rendered}",), split=str(tmp_path / "split.csv")
    )
    both = run.gather(config.data, TINY, tmp_path / "cache", Silent(), config.also)
    assert run.train(config, both, tmp_path / "run", Silent()).frames == split.counts()["test"]
    made = read_split(tmp_path / "run" / "split.csv", both.samples)
    assert made.counts()["train"] == split.counts()["train"] + 6
    again = dataclasses.replace(config, split=str(tmp_path / "run" / "split.csv"))
    assert run.train(again, both, tmp_path / "again", Silent()).frames == split.counts()["test"]


def test_frames_of_one_finding_alone_teach_nothing(configs: list[Config], tmp_path: Path) -> None:
    data = fill_folder(tmp_path / "drawn", 8, labels=("polyp",))
    config = dataclasses.replace(configs[0], data=(f"folder:{data}",))
    material = run.gather(config.data, TINY, tmp_path / "cache", Silent())
    with pytest.raises(TrainingRefused, match="nothing to tell it from"):
        run.train(config, material, tmp_path / "run", Silent())


def test_a_run_needs_a_folder(configs: list[Config], material: Material, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingRefused, match="no folder can be there: File exists"):
        run.train(configs[0], material, tmp_path / "file", Silent())


def test_the_finished_bundle_carries_its_figures(
    finished: Path, material: Material, tmp_path: Path
) -> None:
    bundle = run.finish(
        finished / "fold-0",
        material,
        tmp_path / "bundle",
        Silent(),
        name="drawn",
        version="1.2.3",
        licence="CC0-1.0",
        command="endolink export runs/cv/fold-0 --out bundle",
        further=[series.read_pooled(finished)],
    )
    manifest = bundle.manifest
    assert (manifest.name, manifest.version, manifest.licence) == ("drawn", "1.2.3", "CC0-1.0")
    assert [item.frames for item in manifest.evaluation] == [
        run.read_metrics(finished / "fold-0").frames,
        36,
    ]
    assert manifest.provenance.command.count("\n") == 1
    card = bundle.files["MODEL_CARD.md"].decode()
    assert "| top finding |" in card
    working = Classifier.open(finished / "fold-0" / BUNDLE, provider="cpu")
    given = Classifier.open(bundle.path, provider="cpu")
    image = material.samples[5].path.read_bytes()
    for one, other in zip(
        working.score([image])[0].findings, given.score([image])[0].findings, strict=True
    ):
        assert one == other


def test_a_network_too_large_to_give_away_is_measured_all_the_same(
    configs: list[Config], material: Material, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(TINY, architecture="resnet18")
    config = dataclasses.replace(configs[0], recipe=recipe)
    evaluation = run.train(config, material, tmp_path / "run", Silent())
    assert evaluation.frames > 0
    display = Silent()
    with pytest.raises(ExportRefused, match="more than the 15,000,000 of a bundle"):
        run.finish(
            tmp_path / "run",
            material,
            tmp_path / "bundle",
            display,
            name="large",
            version="1.0.0",
            licence="CC0-1.0",
            command="endolink export run --out bundle",
        )
    assert not (tmp_path / "bundle").exists()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="not the folder of a run"):
        read_config(tmp_path)
    with pytest.raises(TrainingRefused, match="not a finished run"):
        run.read_metrics(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(TrainingRefused, match="not a finished run"):
        run.read_metrics(tmp_path)
