"""The example of docs/viewer.md: the component in another origin's page."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.conftest import REPOSITORY
from tests.serving.service import serve
from tests.serving.viewer.conftest import fresh

pytestmark = pytest.mark.program("chromium")

PAGE = (REPOSITORY / "docs/viewer.md").read_text()
(EXAMPLE,) = re.findall(r"^```html\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hospital(sensitive_models: tuple[Settings, Models], tmp_path: Path) -> Iterator[str]:
    """Another server, with the example as its page; the service lets its pages in."""
    settings, models = sensitive_models
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        with serve(settings.model_copy(update={"origins": (origin,)}), models) as running:
            page = EXAMPLE.replace("http://127.0.0.1:8000", running.url)
            (tmp_path / "index.html").write_text(page)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield origin
            server.shutdown()
            thread.join()


def test_the_example_runs_in_another_origins_page(browser: Browser, hospital: str) -> None:
    with fresh(browser, hospital) as viewer:
        viewer.page.goto(hospital)
        expect(viewer.page.locator("#said")).to_have_text("ready")
        viewer.page.get_by_role("button", name="Watch").click()
        viewer.wait("viewer.examination.stream.statistics.judged > 3")
        viewer.state("watching", "degraded", "paused", "alert")
        expect(viewer.page.locator("#said")).not_to_have_text("ready")
        viewer.page.evaluate("document.querySelector('endolink-viewer').remove()")
        viewer.page.wait_for_function("true")


def test_the_example_has_thirty_lines() -> None:
    assert len(EXAMPLE.splitlines()) <= 33
