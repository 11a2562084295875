import json
import os

import pytest

from endolink.model.errors import FrameEmpty
from endolink.serving.archive.picture import Locator, Picture
from endolink.serving.archive.scoring import Scored
from endolink.serving.archive.screen import json_line, write_table
from tests.serving.archive.verdicts import verdict


def scored(place: str, outcome: object) -> Scored:
    return Scored(Picture(Locator(place, "m.jpg"), "/s", lambda: b""), outcome)  # type: ignore[arg-type]


def test_a_line_is_a_verdict_or_an_error_with_its_path() -> None:
    line = json.loads(json_line(scored("/a.zip", verdict({"polyp": 0.7}))))
    assert line.pop("path") == "/a.zip!m.jpg"
    assert line["findings"][0]["probability"] == 0.7
    line = json.loads(json_line(scored("/a.zip", FrameEmpty("Nothing."))))
    assert line["error"] == {"code": "frame-empty", "detail": "Nothing."}


def test_a_name_that_is_not_text_is_escaped() -> None:
    line = json_line(scored(os.fsdecode(b"/\xff.jpg"), FrameEmpty("Nothing.")))
    assert json.loads(line)["path"] == "/\\xff.jpg!m.jpg"


def test_a_table_counts_what_was_scored(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    results = [
        scored("/a", verdict({"polyp": 0.7}, reasons=("dark",))),
        scored("/b", FrameEmpty("No.")),
    ]
    assert write_table(iter(results)) == 1
    text = capsys.readouterr().out
    for word in ("0.700 polyp", "dark", "frame-empty: No."):
        assert word in text
