from pathlib import Path

import pytest

from tests.bundles import tiny_bundle


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny bundle; nobody changes it."""
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
