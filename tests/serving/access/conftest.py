import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.access.providers import provider


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
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


@pytest.fixture(scope="session")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture(scope="module")
def issuer(modules: Path, port: int) -> Iterator[str]:
    with provider(modules, port) as url:
        yield url
