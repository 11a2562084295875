"""Signing in to a guarded service: with a key, and at a real OpenID Connect provider."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from endolink.serving.access.keys import KeyRing
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.access.providers import provider
from tests.serving.service import Running, serve
from tests.serving.viewer.conftest import fresh

pytestmark = pytest.mark.program("chromium")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys.json")


@pytest.fixture
def guarded(
    sensitive_models: tuple[Settings, Models], ring: KeyRing, tmp_path: Path
) -> Iterator[Running]:
    settings, models = sensitive_models
    ring.create("metrics", frozenset({"metrics"}))
    with serve(settings.model_copy(update={"keys": tmp_path / "keys.json"}), models) as running:
        yield running


def test_a_key_lets_in_until_it_is_revoked(
    browser: Browser, guarded: Running, ring: KeyRing
) -> None:
    known, key = ring.create("room-2", frozenset({"score", "stream"}))
    _, unfit = ring.create("prometheus", frozenset({"metrics"}))
    with fresh(browser, guarded.url) as viewer:
        addresses: list[str] = []
        viewer.page.on("request", lambda request: addresses.append(request.url))
        viewer.page.on("websocket", lambda socket: addresses.append(socket.url))
        viewer.open(sample=True)
        sheet = viewer.page.get_by_role("dialog", name="Sign in")
        expect(sheet).to_be_visible()
        viewer.state("error")
        expect(viewer.page.locator(".lamp-reason")).to_have_text("Sign in to go on")
        field = sheet.get_by_label("Key")
        for wrong, said in (("nonsense", "does not know this key"), (unfit, "knows you, but")):
            field.fill(wrong)
            field.press("Enter")
            expect(sheet.get_by_role("status")).to_contain_text(said)
        field.fill(key)
        field.press("Enter")
        expect(sheet).to_be_hidden()
        viewer.wait("viewer.examination.stream.statistics.judged > 2")
        viewer.wait("viewer.bars.model !== null")  # over HTTP, too
        viewer.page.reload()
        viewer.wait("viewer.examination.stream.statistics.judged > 2")
        assert not any(key in address for address in addresses)
        viewer.page.get_by_role("button", name="Who is signed in").click()
        expect(sheet).to_contain_text("signed in with a key")
        viewer.page.keyboard.press("Escape")
        viewer.camera()
        ring.revoke(known.id)
        viewer.state("error")
        # Nothing is laid over a picture that somebody looks at: the lamp says it.
        expect(sheet).to_be_hidden()
        _, another = ring.create("room-2", frozenset({"score", "stream"}))
        viewer.page.get_by_role("button", name="Who is signed in").click()
        field.fill(another)
        field.press("Enter")
        viewer.state("watching", "paused", "degraded")
        expect(sheet).to_be_hidden()


def test_a_provider_that_is_away_is_said_in_words(
    browser: Browser, sensitive_models: tuple[Settings, Models]
) -> None:
    settings, models = sensitive_models
    update = {"oidc_issuer": f"http://127.0.0.1:{_free_port()}", "oidc_client": "viewer"}
    with (
        serve(settings.model_copy(update=update), models) as running,
        fresh(browser, running.url) as viewer,
    ):
        viewer.open(sample=True)
        sheet = viewer.page.get_by_role("dialog", name="Sign in")
        sheet.get_by_role("button", name="Sign in at").click()
        expect(sheet.get_by_role("status")).to_contain_text("The identity provider does not answer")


@pytest.mark.program("node")
@pytest.mark.program("npm")
def test_a_provider_lets_in_and_out(
    browser: Browser, sensitive_models: tuple[Settings, Models], modules: Path
) -> None:
    settings, models = sensitive_models
    port, page = _free_port(), _free_port()
    update = {"port": page, "oidc_issuer": f"http://127.0.0.1:{port}", "oidc_client": "viewer"}
    home = f"http://127.0.0.1:{page}/"
    with (
        provider(modules, port, page=home) as issuer,
        serve(settings.model_copy(update=update), models) as running,
        fresh(browser, running.url) as viewer,
    ):
        addresses: list[str] = []
        viewer.page.on("request", lambda request: addresses.append(request.url))
        viewer.open(sample=True)
        sheet = viewer.page.get_by_role("dialog", name="Sign in")
        host = issuer.removeprefix("http://")
        sheet.get_by_role("button", name=f"Sign in at {host}").click()
        for _ in ("who it is", "and that the viewer may know"):
            viewer.page.get_by_role("button", name="I am Dr Lin").click()
        viewer.page.wait_for_url(home)
        viewer.wait("viewer.examination.stream.statistics.judged > 2")
        expect(sheet).to_be_hidden()
        ours = [address for address in addresses if address.startswith(home)]
        assert not any("code=" in address for address in ours)
        assert viewer.page.url == home
        first = viewer.call("return viewer.auth.headers().Authorization")
        viewer.wait(f"viewer.auth.headers().Authorization !== '{first}'")  # renewed in time
        viewer.page.get_by_role("button", name="Who is signed in").click()
        expect(sheet).to_contain_text(f"signed in at {host}")
        sheet.get_by_role("button", name="Sign out").click()
        viewer.page.get_by_role("button", name="Yes, sign me out").click()
        viewer.page.wait_for_url(home)
        expect(sheet).to_be_visible()  # nobody is known any more
