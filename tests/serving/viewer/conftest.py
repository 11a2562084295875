"""A real Chromium before a real service."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, serve
from tests.serving.viewer.sensitive import sensitive_bundle

# A test machine may have other things to do: what is waited for may come late, and is never missed.
PATIENCE_MS = 60_000

ARGUMENTS = (
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-accept-this-tab-capture",
)


# Not for the session: Playwright's event loop runs as long, and no other test could run its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(ARGUMENTS)
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def sensitive_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Models]:
    folder = sensitive_bundle(tmp_path_factory.mktemp("sensitive") / "bundle")
    settings = Settings(port=0, bundles=(folder,))
    return settings, Models.open(settings)


@pytest.fixture(scope="session")
def sensitive(sensitive_models: tuple[Settings, Models]) -> Iterator[Running]:
    """A service whose model finds the rendered clip's polyp."""
    with serve(*sensitive_models) as running:
        yield running


class Viewer:
    """The page, and what a test does with it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, *, sample: bool = False) -> None:
        """Open the page; unless the sample is wanted, as who has used it before."""
        if not sample:
            self.page.add_init_script("localStorage.setItem('endolink.used', '1')")
        self.page.goto(self.url)

    def polyp(self, lasting_s: float = 0.0) -> None:
        """Go to where the sample shows its polyp, slowly, and wait until it is pointed at.

        The alert then has lasted for `lasting_s` of the film, if that is asked for.
        A busy machine judges a few frames a second, or none for a while: the polyp stays in view
        for as long as it takes.
        """
        self.wait("viewer.examination.stream.statistics.judged > 0")
        self.call(
            """const { video } = viewer.stage;
            video.playbackRate = 0.4;
            video.currentTime = 4.6;
            globalThis.staying = setInterval(() => {
              if (video.currentTime > 6.2 || video.currentTime < 4.5) video.currentTime = 4.6;
            }, 200);"""
        )
        self.state("alert")
        if lasting_s:
            newest = "viewer.examination.session.alerts.at(-1)"
            now = "viewer.examination.session.lastS"
            self.wait(
                f"{newest}?.endS === null && {now} >= {newest}.alertS"
                f" && {now} - {newest}.startS > {lasting_s}"
            )
        # Here, for whoever goes elsewhere next would be brought back.
        self.call("clearInterval(globalThis.staying);")

    def camera(self) -> None:
        """Watch the camera, until frames of it were judged."""
        self.call("viewer.opening.choose('camera')")
        # Else those of the source before would do.
        self.wait("viewer.root.dataset.source === 'camera'")
        self.wait("viewer.examination.stream.statistics.judged > 2")

    def state(self, *states: str) -> None:
        """Wait until the lamp is in one of the states."""
        wanted = ", ".join(f".lamp[data-state={state}]" for state in states)
        self.page.locator(wanted).wait_for(timeout=PATIENCE_MS)

    def call(self, body: str, argument: Any = None) -> Any:
        """Run `body` with the viewer as `viewer`."""
        script = (
            "argument => { const viewer = document.querySelector('endolink-viewer').viewer;"
            f" {body} }}"
        )
        return self.page.evaluate(script, argument)

    def wait(self, condition: str) -> None:
        """Wait until `condition`, an expression over `viewer`, holds."""
        self.page.wait_for_function(
            "() => { const viewer = document.querySelector('endolink-viewer')?.viewer;"
            f" return viewer && ({condition}); }}",
            timeout=PATIENCE_MS,
        )

    def choose(self, *files: Path) -> None:
        """Open files as the file dialog does."""
        self.page.locator(".pick-file").set_input_files(list(files))


@pytest.fixture
def viewer(browser: Browser, sensitive: Running) -> Iterator[Viewer]:
    """A fresh page, not yet opened; whatever goes wrong in it is a failure."""
    with fresh(browser, sensitive.url) as viewer:
        yield viewer


@contextmanager
def fresh(browser: Browser, url: str, **options: Any) -> Iterator[Viewer]:
    """A page of its own, as for another person."""
    options = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **options}
    with browser.new_context(**options) as context:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )
        yield Viewer(page, url)
        assert not errors
