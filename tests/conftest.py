"""What every test may ask for: the shared real frames, and programs that the system may lack."""

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ENDOLINK_SHARED", REPOSITORY.parent / "shared"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "program(name): needs a program on the PATH; without it skipped, or failed where CI=true",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("shared"):
        _require_shared()
    for marker in item.iter_markers("program"):
        name = marker.args[0]
        if shutil.which(name) is None:
            _lack(f"the program {name} is not installed")


def _require_shared() -> None:
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no shared frames at {SHARED}; set ENDOLINK_SHARED to where they are")


def _lack(reason: str) -> None:
    """Skip for want of a system package, except in CI, where its set-up has installed them all."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of the shared data and weights; without it the test is skipped."""
    _require_shared()
    return SHARED
