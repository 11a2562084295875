"""The picture and what lies around it: brackets, the alert's coming and going, the timeline."""

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from endolink import sample_data
from tests.serving.service import Running
from tests.serving.viewer.clips import drop, film, split
from tests.serving.viewer.conftest import Viewer, fresh

pytestmark = pytest.mark.program("chromium")

LEAST_MS = 1000
# A page's timers are no clockwork, and what is measured here is what it wrote down itself.
TICK_MS = 120


def test_marks_leave_the_picture_as_it_is(viewer: Viewer) -> None:
    viewer.open(sample=True)
    viewer.polyp()
    viewer.page.keyboard.press("Space")
    viewer.wait("viewer.hold.verdict !== null && viewer.marks.codes.length > 0")
    marked, plain = (_shown(viewer, marks=marks) for marks in ("visible", "hidden"))
    x0, y0, x1, y1 = viewer.call(
        "const mark = viewer.root.querySelector('.mark').getBoundingClientRect();"
        " const at = viewer.stage.picture.getBoundingClientRect();"
        " return [mark.left - at.left, mark.top - at.top, mark.right - at.left,"
        " mark.bottom - at.top];"
    )
    changed = np.any(marked != plain, axis=2)
    assert changed.any(), "there are no marks to be seen"
    rows, columns = np.nonzero(changed)
    around = 12  # a bracket's line and its shadow
    assert rows.min() > y0 - around
    assert rows.max() < y1 + around
    assert columns.min() > x0 - around
    assert columns.max() < x1 + around
    height, width = y1 - y0, x1 - x0
    middle = changed[
        int(y0 + height / 4) : int(y1 - height / 4), int(x0 + width / 4) : int(x1 - width / 4)
    ]
    assert not middle.any(), "something lies on the finding itself"


def _shown(viewer: Viewer, *, marks: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Give what is to be seen where the picture is, uint8 H×W×3, after all has come to rest."""
    viewer.call(
        "viewer.root.querySelector('.marks').style.visibility = argument;"
        " viewer.root.querySelector('.edge').style.visibility = argument;",
        marks,
    )
    viewer.page.wait_for_timeout(400)
    png = viewer.page.locator(".picture").screenshot()
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def test_an_alert_is_said_once_and_does_not_flicker(viewer: Viewer) -> None:
    viewer.open(sample=True)
    viewer.wait("viewer.examination.stream.statistics.judged > 0")
    viewer.call(
        """globalThis.said = [];
        new MutationObserver((changes) => {
          for (const { target, oldValue, attributeName } of changes) {
            if (attributeName !== "data-on") continue;
            const on = target.dataset.on === "true";
            if (on !== (oldValue === "true")) globalThis.said.push([on, performance.now()]);
          }
        }).observe(viewer.call.element, { attributeOldValue: true });"""
    )
    viewer.polyp()
    viewer.wait("!viewer.call.isOn")
    changes = viewer.page.evaluate("globalThis.said")
    assert changes[0][0] is True
    assert [on for on, _ in changes] == [True, False] * (len(changes) // 2)
    for (on, since), (_, until) in pairwise(changes):
        assert not on or until - since > LEAST_MS - TICK_MS


def test_what_comes_for_an_instant_stays_long_enough_to_be_read(viewer: Viewer) -> None:
    viewer.open()
    viewer.state("ready")
    # The page's own ticks say that there is nothing: they would take it away at once.
    viewer.call("clearInterval(viewer.timer); viewer.call.show(['polyp'], 0, '')")
    for at_ms, on in ((1, True), (999, True), (1000, False)):
        shown = viewer.call("viewer.call.show([], argument, ''); return viewer.call.isOn", at_ms)
        assert shown is on


def test_the_timeline_is_scrubbed_and_shows_what_was_reached(
    browser: Browser, running: Running, tmp_path: Path
) -> None:
    found, free = split(sample_data.frames(), "cecum")
    (cecum, *_) = (frame for frame in found if frame.stem.startswith("cecum"))
    (clean, *_) = (frame for frame in free if frame.stem.startswith("clean"))
    clip = film(tmp_path / "clip.webm", [(clean, 1.5), (cecum, 2.5), (clean, 1.5)])
    with fresh(browser, running.url) as viewer:
        viewer.open()
        viewer.state("ready")
        viewer.page.evaluate(drop([clip]))
        # For as long as a busy machine needs to judge enough of it.
        viewer.call("viewer.stage.video.playbackRate = 0.5; viewer.stage.video.loop = true;")
        viewer.wait("viewer.examination.session.landmarks.length > 0")
        viewer.call("viewer.stage.video.loop = false; viewer.stage.video.playbackRate = 2;")
        expect(viewer.page.locator(".figures")).to_contain_text("Cecum reached")
        (landmark,) = viewer.call("return viewer.examination.session.landmarks")
        assert 1.4 < landmark["startS"] < 4
        viewer.wait("viewer.stage.video.ended")
        place = viewer.page.locator(".timeline").bounding_box()
        assert place
        viewer.page.mouse.click(place["x"] + place["width"] / 2, place["y"] + 5)
        viewer.wait("Math.abs(viewer.stage.video.currentTime - 2.75) < 0.1")
        viewer.wait("viewer.hold.verdict !== null")
        seen = viewer.call(
            "return viewer.hold.verdict.findings.find(({ code }) => code === 'cecum').present"
        )
        assert seen is True
        said = viewer.page.get_by_role("slider", name="Timeline").get_attribute("aria-valuetext")
        assert said == "0:02 of 0:05"
