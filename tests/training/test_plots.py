import re
from xml.etree import ElementTree as ET

import pytest

from endolink.training import plots
from endolink.training.curves import Curve
from tests.training.reports import full_report

REPORT = full_report()
CURVES = REPORT.curves
assert CURVES is not None
AUROC = {f.finding: f for f in REPORT.evaluation.figures if f.name == "auroc" and f.finding}

DRAWN = {
    "roc": lambda: plots.roc(CURVES.roc, AUROC),
    "precision": lambda: plots.precision_recall(CURVES.precision_recall, {}),
    "reliability": lambda: plots.reliability(CURVES.reliability, {}),
    "decision": lambda: plots.decision(CURVES.decision, CURVES.act_on_all),
    "stress": lambda: plots.stress(REPORT.stress),
    "flagged": lambda: plots.flagged(REPORT.familiarity.outside),  # type: ignore[union-attr]
    "forest": lambda: plots.forest(
        REPORT.evaluation.figures, [item.code for item in REPORT.findings], ("sensitivity", "auroc")
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_svg_in_the_pages_colours_and_the_same_each_time(name: str) -> None:
    drawn = DRAWN[name]()
    ET.fromstring(drawn)
    assert "var(--c0)" in drawn
    assert "var(--ink)" in drawn
    assert not re.search(r"#0[a12]0[b12]0", drawn)
    assert "<image" not in drawn
    assert drawn == DRAWN[name]()


def test_labels_are_text_and_name_their_figures() -> None:
    drawn = DRAWN["roc"]()
    assert f"Polyp, AUROC {AUROC['polyp'].value:.3f}" in drawn
    assert "sensitivity" in drawn


def test_lesions_come_first_where_there_is_not_room_for_all() -> None:
    codes = ["cecum", "bbps-2-3", "bbps-0-1", "impacted-stool", "polyp"] * 2
    chosen = plots.shown([Curve(code, (0.0,), (0.0,)) for code in codes])
    assert len(chosen) == plots.MOST_LINES
    assert [curve.finding for curve in chosen[:3]] == ["polyp", "polyp", "cecum"]
