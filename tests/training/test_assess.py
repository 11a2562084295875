from pathlib import Path

import numpy as np
import pytest

from endolink.model.classifier import Classifier
from endolink.model.errors import DataError
from endolink.training.assess import Plan, assess
from endolink.training.report import Report
from endolink.training.run import BUNDLE, Material
from tests.training.conftest import Silent


@pytest.fixture(scope="module")
def classifier(finished: Path) -> Classifier:
    return Classifier.open(finished / "fold-0" / BUNDLE, provider="cpu", threads=1)


def _assess(classifier: Classifier, material: Material, plan: Plan) -> tuple[Report, Silent]:
    display = Silent()
    report, scored = assess(
        classifier,
        material.samples,
        material.groups,
        what="drawn frames",
        plan=plan,
        display=display,
    )
    assert len(scored.verdicts) == len(material.samples)
    return report, display


def test_all_that_is_asked_for_is_in_the_report(
    classifier: Classifier, material: Material, tmp_path: Path
) -> None:
    outside = tmp_path / "street"
    outside.mkdir()
    (outside / "one.jpg").write_bytes(material.samples[0].path.read_bytes())
    plan = Plan(
        corruptions=("text",), stress_frames=5, decode=True, outside=(str(outside),), pictures=True
    )
    report, display = _assess(classifier, material, plan)
    assert report.evaluation.measured_on == "drawn frames"
    assert [item.present for item in report.findings] == [12, 12, 12]
    assert [item.strength for item in report.stress] == ["mild", "middle", "strong"]
    assert report.stress[0].frames == 5
    assert report.decode is not None
    assert report.familiarity is not None
    assert report.familiarity.outside[0].kind == "street"
    assert report.curves is not None
    assert all(item.thumbnail for item in report.mistakes)
    assert all(done == total for total, done in display.done.values())
    assert {"score", "stress", "decode in full", "street"} <= display.done.keys()


def test_what_is_accepted_is_what_the_verdicts_call_familiar(
    classifier: Classifier, material: Material
) -> None:
    report, _ = _assess(classifier, material, Plan())
    verdicts = classifier.score([item.path.read_bytes() for item in material.samples])
    assert report.familiarity is not None
    assert report.familiarity.accepted.value == pytest.approx(
        np.mean([verdict.familiar for verdict in verdicts])
    )
    assert report.familiarity.threshold == 0.05
    assert report.stress == ()
    assert report.videos == ()
    assert not any(item.thumbnail for item in report.mistakes)


@pytest.mark.parametrize("plan", [Plan(corruptions=("rain",)), Plan(outside=("rain",))])
def test_what_is_misspelt_is_said_before_the_work(
    classifier: Classifier, material: Material, plan: Plan
) -> None:
    display = Silent()
    with pytest.raises(DataError, match="rain"):
        assess(classifier, material.samples, None, what="", plan=plan, display=display)
    assert display.done == {}
