import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from endolink.model.bundle import BUNDLED, MANIFEST
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.serving.service import Running, picture, serve


@pytest.fixture(scope="session")
def classifier_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model where there is one, else a minimal one."""
    if (BUNDLED / MANIFEST).exists():
        return BUNDLED
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="session")
def settings(classifier_bundle: Path) -> Settings:
    return Settings(port=0, bundles=(classifier_bundle,), max_bytes=2**20)


@pytest.fixture(scope="session")
def models(settings: Settings) -> Models:
    return Models.open(settings)


@pytest.fixture(scope="session")
def running(settings: Settings, models: Models) -> Iterator[Running]:
    with serve(settings, models) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    return picture()


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where npm's `oidc-provider` is."""
    folder = tmp_path_factory.mktemp("npm")
    npm = shutil.which("npm")
    assert npm
    quiet = "--silent", "--no-fund", "--no-audit"
    done = subprocess.run(
        [npm, "install", *quiet, "--prefix", folder, "oidc-provider@9"], check=False
    )
    if done.returncode:
        pytest.skip("the npm registry cannot be reached, and oidc-provider is not here")
    return folder
