import html.parser
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink.model.classifier import Classifier
from endolink.model.egress import EgressSettings
from endolink.model.errors import EgressRefused
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sinks.report import ReportSink
from endolink.serving.archive.study import StudyResult
from tests.dicoms import PATIENT


class Links(html.parser.HTMLParser):
    """Collects what a browser would load, and checks that elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href"}]


def write(
    result: StudyResult,
    classifier: Classifier,
    folder: Path,
    rules: EgressSettings,
    **options: bool,
) -> str:
    ReportSink(classifier, Reading(), rules, **options).write(result, folder)
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_says_what_was_found_by_what_and_that_it_is_no_diagnosis(
    result: StudyResult, classifier: Classifier, tmp_path: Path
) -> None:
    page = write(result, classifier, tmp_path, EgressSettings())
    for text in (result.pseudonym, result.notice, result.model.name, result.model.version):
        assert text in page
    assert result.model.digest in page
    assert "0:01:15" in page  # how long it lasted
    assert page.count('<rect class="event') == 1
    assert "Not read: frame-corrupt" in page
    assert "<b>2</b><span>without a verdict" in page
    (event,) = result.events
    assert f"<td>0:00:10<td>{event.event.end_s - 10:.1f} s<td>0.90<td><a href=" in page
    # What spoke for a finding lies over its picture, and can be taken away to see what is below.
    found = [key for key in result.key_frames if key.finding is not None and key.finding.present]
    assert found
    assert page.count('<img class="heat"') == len(found)
    assert page.count('<label for="heat">') == 1


@pytest.mark.program("chromium")
def test_a_browser_shows_it_as_it_was_meant(
    result: StudyResult, classifier: Classifier, tmp_path: Path
) -> None:
    page = write(result, classifier, tmp_path, EgressSettings())
    assert "<svg" in page
    shot = tmp_path / "report.png"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,1400"]
    done = subprocess.run(
        [*command, f"--screenshot={shot}", (tmp_path / "report.html").as_uri()],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    # The heat map's blue and cyan over the mucosa, which neither the page nor the phantom has.
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    cool = (blue > red + 25) & (green > 60) & (blue > 90)
    # How much of it depends on the network; that it is there does not.
    assert cool.sum() > 100


def test_nothing_is_loaded_from_elsewhere(
    result: StudyResult, classifier: Classifier, tmp_path: Path
) -> None:
    links = Links(write(result, classifier, tmp_path, EgressSettings()))
    assert links.loaded
    assert all(
        link.startswith(("data:image/jpeg;base64,", "data:image/png;base64,", "#frame-"))
        for link in links.loaded
    )
    assert "script" not in links.tags


def test_it_names_nobody_unless_asked(
    result: StudyResult,
    classifier: Classifier,
    tmp_path: Path,
    everything: EgressSettings,
) -> None:
    for folder in ("plain", "asked"):
        (tmp_path / folder).mkdir()
    page = write(result, classifier, tmp_path / "plain", EgressSettings())
    private = (*PATIENT.values(), result.study_uid or "", "still.dcm")
    assert not any(value in page for value in private)
    asked = write(result, classifier, tmp_path / "asked", everything, identifiers=True)
    assert "still.dcm" in asked


def test_it_asks_before_it_writes(
    result: StudyResult,
    classifier: Classifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENDOLINK_EGRESS", "verdicts=local")
    with pytest.raises(EgressRefused, match="pixels"):
        write(result, classifier, tmp_path, EgressSettings())
    assert not list(tmp_path.iterdir())


def test_a_study_in_which_nothing_was_found(
    result: StudyResult, classifier: Classifier, tmp_path: Path
) -> None:
    empty = replace(
        result, key_frames=(), events=(), landmarks=(), shortlist=(), duration_s=None, scored=0
    )
    page = write(empty, classifier, tmp_path, EgressSettings())
    assert "Nothing was found that a timeline could show" in page
    assert "There is none to show" in page
