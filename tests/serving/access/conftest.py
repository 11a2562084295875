import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.access.providers import provider


@pytest.fixture(scope="session")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture(scope="module")
def issuer(modules: Path, port: int) -> Iterator[str]:
    with provider(modules, port) as url:
        yield url
