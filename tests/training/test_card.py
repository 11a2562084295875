from dataclasses import replace
from pathlib import Path

import pytest

from endolink.model.bundle import Bundle
from endolink.model.classifier import Classifier
from endolink.model.errors import DataError
from endolink.training.card import add_reports, figures
from endolink.training.report import Report
from tests.bundles import tiny_bundle
from tests.training.reports import full_report


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "measured.json"
    path.write_bytes(full_report().to_json())
    return path


def test_a_report_goes_into_card_manifest_and_bundle(tmp_path: Path, report: Path) -> None:
    before = Bundle.open(tiny_bundle(tmp_path / "bundle"))
    after = add_reports(before, [report], before.path)
    assert after.manifest.evaluation == (full_report().evaluation,)
    assert Report.read(after.path / "report.json").evaluation == full_report().evaluation
    assert after.files["model.onnx"] == before.files["model.onnx"]
    assert after.manifest.variants == before.manifest.variants
    card = after.files["MODEL_CARD.md"].decode()
    assert card.startswith("# tiny")
    assert card.count("## Figures") == 1
    assert "| jpeg | 0.0% (0.0%-1.0%) | 1.0% (0.0%-3.0%) |" in card
    assert "Smallest input found to be judged alike: " in card
    assert "inside the outline in 90.0% (80.0%-95.0%) of frames" in card
    Classifier.open(after.path, provider="cpu", threads=1)


def test_writing_again_replaces_and_what_follows_is_kept(tmp_path: Path, report: Path) -> None:
    bundle = Bundle.open(tiny_bundle(tmp_path / "bundle"))
    once = add_reports(bundle, [report, report], tmp_path / "once")
    assert {"report.json", "report-2.json"} <= once.files.keys()
    card = once.files["MODEL_CARD.md"].decode() + "\n## Licence\n\nAs it was.\n"
    grown = replace(once, files={**once.files, "MODEL_CARD.md": card.encode()})
    twice = add_reports(grown, [report], tmp_path / "twice").files["MODEL_CARD.md"].decode()
    assert twice.count("## Figures") == 1
    assert twice.endswith("## Licence\n\nAs it was.\n")
    assert twice.count("**drawn <frames>**") == 1


def test_a_report_of_another_model_is_refused(tmp_path: Path) -> None:
    full = full_report()
    moved = replace(full, findings=tuple(replace(f, threshold=0.4) for f in full.findings))
    (tmp_path / "other.json").write_bytes(moved.to_json())
    bundle = Bundle.open(tiny_bundle(tmp_path / "bundle"))
    with pytest.raises(DataError, match=r"other\.json is of a model with other findings"):
        add_reports(bundle, [tmp_path / "other.json"], tmp_path / "out")


def test_parts_that_were_not_measured_are_not_in_the_card() -> None:
    bare = replace(full_report(), stress=(), localisation=(), videos=(), familiarity=None)
    text = figures(bare)
    assert "Under stress" not in text
    assert "sensitivity" in text
