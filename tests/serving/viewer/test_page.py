"""The page at `/`, from opening it to closing it, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.serving.viewer.conftest import Viewer

pytestmark = pytest.mark.program("chromium")


def test_it_shows_itself_at_work_without_a_click(viewer: Viewer) -> None:
    viewer.open(sample=True)
    page = viewer.page
    expect(page.get_by_text("Rendered sample, no patient")).to_be_visible()
    viewer.wait("viewer.examination.stream.statistics.judged > 3")
    viewer.wait("viewer.stage.video.currentTime > 0")
    expect(page.get_by_text("Clean bowel (BBPS 2-3)").first).to_be_visible()
    foot = page.locator(".foot")
    expect(foot).to_contain_text("It points, the clinician decides. Not a diagnosis.")
    host = viewer.url.removeprefix("http://")
    expect(foot).to_contain_text(f"Frames go to {host}, shrunk, and nothing is kept there.")


def test_an_alert_comes_with_the_polyp_and_goes_after_it(viewer: Viewer) -> None:
    viewer.open(sample=True)
    page = viewer.page
    viewer.state("alert")
    call = page.locator(".call")
    expect(call).to_have_attribute("data-on", "true")
    expect(call.get_by_role("alert")).to_have_text("Polyp")
    viewer.wait("viewer.call.isOn === false")
    expect(page.locator(".lamp")).not_to_have_attribute("data-state", "alert")
    card = page.locator("#list-alerts .card").first
    expect(card).to_contain_text("Polyp")
    expect(card.locator("img")).to_be_visible()
    (event,) = viewer.call(
        "return viewer.examination.session.alerts.map(({startS, peak}) => ({startS, peak}))"
    )
    assert 3 < event["startS"] < 7.5  # the clip's polyp is in view from 3.4 to 6.7 s
    assert event["peak"] > 0
    assert re.match(r"0:0\d", card.locator(".thumb").inner_text())
