import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from endolink.training.report_page import page
from tests.training.reports import PIXEL, full_report


@pytest.fixture(scope="module")
def html() -> str:
    return page(full_report())


class _Reader(HTMLParser):
    """Collects what the page refers to, and complains of what is left open."""

    OPEN = frozenset({"meta", "img", "br", "link", "path", "use", "rect", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.alone: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [given[name] or "" for name in ("src", "href") if name in given]
        if "aria-labelledby" in given:
            self.labelled.append(given["aria-labelledby"] or "")
        if "id" in given and tag.startswith("h"):
            self.ids.append(given["id"] or "")
        if tag == "img" and not given.get("alt"):
            self.alone.append("img")
        if tag == "svg" and not (given.get("role") == "img" and given.get("aria-label")):
            self.alone.append("svg")
        if tag not in self.OPEN:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.OPEN:
            assert self.stack.pop() == tag


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


def test_it_needs_nothing_else(html: str) -> None:
    for link in _read(html).links:
        assert link.startswith(("data:image/jpeg;base64,", "#"))
    assert "default-src 'none'" in html
    assert not re.search(r"url\((?!#)", html)
    # A picture that waits until it is scrolled to is missing where the page is saved or printed.
    assert "loading=" not in html


def test_what_is_drawn_is_also_said(html: str) -> None:
    reader = _read(html)
    assert reader.alone == []
    assert reader.labelled
    assert reader.labelled == reader.ids


def test_it_tells_every_figure_with_its_interval(html: str) -> None:
    figure = full_report().figure("sensitivity", "polyp")
    assert figure is not None
    assert figure.low is not None
    assert f"<b>{figure.value:.3f}</b> <small>{figure.low:.3f} to {figure.high:.3f}" in html
    for title in ("Under stress", "Where it looks", "In videos", "The worst mistakes"):
        assert title in html
    assert "not a medical device" in html


def test_names_are_escaped(html: str) -> None:
    assert "drawn &lt;frames&gt;" in html
    assert "<frames>" not in html
    assert "&lt;1&gt;.jpg" in html


def test_the_plots_take_the_pages_colours(html: str) -> None:
    assert "var(--c0)" in html
    assert "#0a0b0" not in html
    assert "#010101" not in html


def test_a_part_that_was_not_measured_has_no_section() -> None:
    report = full_report()
    bare = page(
        replace(
            report,
            stress=(),
            localisation=(),
            videos=(),
            mistakes=(),
            curves=None,
            familiarity=None,
        )
    )
    for title in ("Under stress", "Where it looks", "In videos", "worst mistakes", "Curves"):
        assert title not in bare
    assert "Each finding" in bare


def test_without_pictures_it_shows_no_pixel_of_a_frame() -> None:
    report = full_report()
    bare = tuple(replace(item, thumbnail="") for item in report.mistakes)
    html = page(replace(report, mistakes=bare, stress=(), curves=None, familiarity=None))
    assert PIXEL not in html
    assert "Their pictures are left out." in html


@pytest.mark.program("chromium")
def test_a_browser_shows_and_prints_it(html: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    options = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"]
    address = f"file://{tmp_path / 'report.html'}"
    picture, paper = tmp_path / "shown.png", tmp_path / "printed.pdf"
    size = ["--window-size=1150,1600", f"--screenshot={picture}"]
    for wanted in (size, [f"--print-to-pdf={paper}"]):
        subprocess.run([*options, *wanted, address], check=True, capture_output=True, timeout=120)
    with Image.open(picture) as image:
        # Title, notice, tiles and plots: neither empty nor one colour.
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 100
    assert paper.read_bytes().startswith(b"%PDF")
