from pathlib import Path

import pytest

from endolink.model.errors import DataError
from endolink.model.manifest import Evaluation, Figure
from endolink.model.verdict import ModelIdentity
from endolink.training.evaluate import Agreement
from endolink.training.report import Report
from endolink.training.stress import Stressed


def _report() -> Report:
    drop = Figure("sensitivity-drop", 0.01, -0.01, 0.03, "polyp")
    return Report(
        model=ModelIdentity("tiny", "0.1.0", "sha256:0", "fp32", "cpu"),
        evaluation=Evaluation("some frames", 12, 3, (Figure("mcc", 0.5, 0.25, 0.75),)),
        localisation=(Figure("peak-inside", 0.9, finding="polyp"),),
        stress=(Stressed("jpeg", "mild", "JPEG of quality 70", 12, (drop,)),),
        decode=Agreement("decoded in full", 12, 0),
    )


def test_a_report_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(_report().to_json())
    assert Report.read(path) == _report()


@pytest.mark.parametrize("text", ["", "{}", '{"model": 3}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json is not a report\.json"):
        Report.read(tmp_path / "x.json")


def test_a_stressed_figure_is_found_by_name_and_finding() -> None:
    (stressed,) = _report().stress
    assert stressed.figure("sensitivity-drop", "polyp") is not None
    assert stressed.figure("sensitivity-drop") is None
