"""What every test may ask for: the shared real frames, and programs that the system may lack."""

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.overheard import Overheard

# How long an example takes says something of the machine's other work, and nothing of the code.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

# What brings a program that the tests use and a machine may lack.
DEBIAN = {
    "Orthanc": ("orthanc", "orthanc-dicomweb"),
    "dciodvfy": ("dicom3tools",),
    "node": ("nodejs",),
    "npm": ("npm",),
    "curl": ("curl",),
    "chromium": ("chromium",),
    "faketime": ("faketime",),
    "sqlite3": ("sqlite3",),
}

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
        if shutil.which(name) is None and name in DEBIAN:
            _install(DEBIAN[name])
        if shutil.which(name) is None:
            _lack(f"the program {name} is not installed")


def _require_shared() -> None:
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no shared frames at {SHARED}; set ENDOLINK_SHARED to where they are")


@cache
def _install(packages: tuple[str, ...]) -> None:
    """Install Debian's packages, only where nobody's machine is changed: as root, in CI."""
    if os.environ.get("CI") != "true" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    quiet = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    subprocess.run([*quiet, "update"], check=False)
    subprocess.run([*quiet, "install", "--yes", "--no-install-recommends", *packages], check=False)


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


@pytest.fixture(scope="session", autouse=True)
def overheard() -> Iterator[Overheard]:
    """Search what the services within this process log, in every test; what leaks fails the last.

    Services in processes of their own are searched by `tests/serving/test_leaks.py`.
    """
    handler = Overheard()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    assert not handler.leaks, f"logs hold what they must not: {sorted(handler.leaks)}"
