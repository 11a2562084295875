"""What axe finds: nothing, in any state that a person meets, at any size, in either language."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from endolink import sample_data
from endolink.serving.access.keys import KeyRing
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, serve
from tests.serving.viewer.clips import drop, film
from tests.serving.viewer.conftest import Viewer, fresh

pytestmark = pytest.mark.program("chromium")

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
SHEETS = {"?": ".help-sheet", "o": ".open-sheet", "r": ".report-sheet"}
SIZES = {"desktop": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}
FINGER_PX = 44


def _page(browser: Browser, service: Running, **options: Any) -> AbstractContextManager[Viewer]:
    # axe itself writes styles into the page, which the page's policy would not let it do.
    return fresh(browser, service.url, bypass_csp=True, **options)


def _size(name: str) -> dict[str, Any]:
    width, height = SIZES[name]
    return {"viewport": {"width": width, "height": height}}


def _scan(viewer: Viewer, where: str) -> None:
    results = Axe().run(viewer.page, options=RULES)
    assert results.violations_count == 0, f"{where}:\n{results.generate_report()}"


@pytest.mark.parametrize(
    ("size", "locale"),
    [("desktop", "en-GB"), ("desktop", "zh-CN"), ("phone", "en-GB"), ("phone", "zh-CN")],
)
def test_axe_finds_nothing(browser: Browser, sensitive: Running, size: str, locale: str) -> None:
    options = {**_size(size), "locale": locale, "reduced_motion": "reduce"}
    with _page(browser, sensitive, **options) as viewer:
        page = viewer.page
        viewer.open(sample=True)
        viewer.polyp()
        page.keyboard.press("h")
        page.locator(".heat-sheet").wait_for()
        _scan(viewer, "alert and map")
        page.keyboard.press("h")
        page.keyboard.press("Space")
        viewer.state("paused", "alert")
        page.keyboard.press("s")
        page.locator("#list-snapshots .card").wait_for()
        page.keyboard.press("d")
        _scan(viewer, "snapshots and link")
        page.keyboard.press("d")
        for key, sheet in SHEETS.items():
            page.keyboard.press(key)
            page.locator(sheet).wait_for()
            _scan(viewer, sheet)
            page.keyboard.press("Escape")
            page.locator(sheet).wait_for(state="hidden")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_axe_finds_nothing_in_any_state(
    browser: Browser, sensitive_models: tuple[Settings, Models], tmp_path: Path, locale: str
) -> None:
    frames = {path.stem: path for path in sample_data.frames()}
    dark = film(tmp_path / "dark.webm", [(frames["dark"], 6.0)])
    ring = KeyRing(tmp_path / "keys.json")
    _, key = ring.create("room-2", ("score", "stream"))
    settings, models = sensitive_models
    guarded = settings.model_copy(update={"keys": ring.path})
    with ExitStack() as service, ExitStack() as window:
        running = service.enter_context(serve(guarded, models))
        viewer = window.enter_context(_page(browser, running, locale=locale))
        viewer.open()
        viewer.page.locator(".who-key input").wait_for()
        viewer.state("error")
        _scan(viewer, "error, signing in")
        viewer.page.locator(".who-key input").fill(key)
        viewer.page.keyboard.press("Enter")
        viewer.state("ready")
        _scan(viewer, "ready")
        viewer.choose(*sample_data.frames()[:3])
        viewer.wait("viewer.stills?.isDone")
        _scan(viewer, "stills")
        viewer.page.evaluate(drop([dark]))
        viewer.state("paused")
        _scan(viewer, "paused")
        viewer.camera()
        viewer.page.keyboard.press("Space")
        viewer.page.locator(".badge.freeze").wait_for()
        _scan(viewer, "frozen")
        service.close()
        viewer.state("degraded")
        viewer.page.locator(".badge.stale").wait_for()
        _scan(viewer, "degraded, an old verdict")


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


@pytest.mark.parametrize("size", ["tablet", "phone"])
def test_fingers_find_what_they_touch(browser: Browser, sensitive: Running, size: str) -> None:
    options = {**_size(size), "has_touch": True, "is_mobile": True}
    with fresh(browser, sensitive.url, **options) as viewer:
        viewer.open(sample=True)
        viewer.polyp()
        viewer.page.locator("#list-alerts .card").wait_for()
        viewer.page.keyboard.press("s")
        viewer.page.locator("#list-snapshots .card").wait_for()
        for sheet in ("none", ".open-sheet", ".report-sheet", ".help-sheet"):
            small = viewer.call(
                """const sheet = viewer.root.querySelector(argument.sheet);
                sheet?.showModal();
                const names = [...(sheet ?? viewer.root).querySelectorAll("button, select, input")]
                  .filter((element) => element.checkVisibility() && element.type !== "checkbox")
                  .map((element) => [element.className || element.type,
                                     element.getBoundingClientRect()])
                  .filter(([, { width, height }]) => Math.min(width, height) < argument.least)
                  .map(([name, { width, height }]) => `${name}: ${width} × ${height}`);
                sheet?.close();
                return names;""",
                {"sheet": sheet, "least": FINGER_PX - 0.5},
            )
            assert not small, f"{sheet}: {small}"
        assert viewer.call("return viewer.root.scrollWidth <= viewer.root.clientWidth")
