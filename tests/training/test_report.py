from dataclasses import replace
from pathlib import Path

import pytest

from endolink.model.errors import DataError
from endolink.training.report import Report
from tests.training.reports import PIXEL, full_report


def test_a_report_is_read_back_as_it_was_without_its_pictures(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report = full_report()
    path.write_bytes(report.to_json())
    assert PIXEL not in path.read_text()
    bare = tuple(replace(item, thumbnail="") for item in report.mistakes)
    assert Report.read(path) == replace(report, mistakes=bare)


@pytest.mark.parametrize("text", ["", "{}", '{"model": 3}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json is not a report\.json"):
        Report.read(tmp_path / "x.json")


def test_figures_are_found_by_name_and_finding() -> None:
    report = full_report()
    assert report.figure("sensitivity", "polyp") is not None
    assert report.figure("sensitivity") is None
    assert report.stress[1].figure("sensitivity-drop") is not None
    assert report.stress[1].figure("sensitivity-drop", "polyp") is None
