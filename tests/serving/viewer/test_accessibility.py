"""What axe finds: nothing, in any state that a person meets, at any size."""

from contextlib import AbstractContextManager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from endolink import sample_data
from tests.serving.service import Running
from tests.serving.viewer.conftest import Viewer, fresh

pytestmark = pytest.mark.program("chromium")

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
SHEETS = {"desktop": {"?": ".help-sheet", "o": ".open-sheet", "r": ".report-sheet"}, "phone": {}}
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


def _page(browser: Browser, service: Running, **options: Any) -> AbstractContextManager[Viewer]:
    # axe itself writes styles into the page, which the page's policy would not let it do.
    return fresh(browser, service.url, bypass_csp=True, **options)


def _scan(viewer: Viewer, where: str) -> None:
    results = Axe().run(viewer.page, options=RULES)
    assert results.violations_count == 0, f"{where}:\n{results.generate_report()}"


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(browser: Browser, sensitive: Running, size: str) -> None:
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    with _page(browser, sensitive, viewport=viewport, reduced_motion="reduce") as viewer:
        page = viewer.page
        viewer.open(sample=True)
        viewer.polyp()
        page.keyboard.press("Space")
        viewer.state("paused", "alert")
        page.keyboard.press("s")
        page.locator("#list-snapshots .card").wait_for()
        page.keyboard.press("d")
        _scan(viewer, "snapshots and link")
        page.keyboard.press("d")
        for key, sheet in SHEETS[size].items():
            page.keyboard.press(key)
            page.locator(sheet).wait_for()
            _scan(viewer, sheet)
            page.keyboard.press("Escape")
            page.locator(sheet).wait_for(state="hidden")


def test_axe_finds_nothing_in_stills_in_chinese(browser: Browser, sensitive: Running) -> None:
    with _page(browser, sensitive) as viewer:
        viewer.open()
        viewer.state("ready")
        viewer.page.keyboard.press("l")
        _scan(viewer, "ready")
        viewer.choose(*sample_data.frames()[:3])
        viewer.wait("viewer.stills?.isDone")
        _scan(viewer, "stills")


def test_nothing_moves_for_whoever_wants_it_so(browser: Browser, sensitive: Running) -> None:
    with fresh(browser, sensitive.url, reduced_motion="reduce") as viewer:
        viewer.open(sample=True)
        viewer.page.locator(".playhead").wait_for(state="attached")
        moving = viewer.call(
            "return [...viewer.root.querySelectorAll('*')].filter((element) => {"
            " const style = getComputedStyle(element);"
            " return style.transitionDuration !== '0s' || style.animationName !== 'none'; }).length"
        )
        assert moving == 0
