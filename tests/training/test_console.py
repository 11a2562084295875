import importlib.util

import pytest

from endolink.model.errors import ExtraMissing
from endolink.model.manifest import Evaluation, Figure
from endolink.training import console


def test_a_figure_without_an_interval_is_shown_without_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = (Figure("mcc", 0.5, 0.25, 0.75), Figure("auroc", 0.875, finding="polyp"))
    console.show(Evaluation("some frames", 12, 3, figures))
    printed = capsys.readouterr().out
    assert "0.250 - 0.750" in printed
    assert "0.875" in printed


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(ExtraMissing, match=r"needs torch: pip install 'endolink\[training\]'"):
        console.need_extra()
