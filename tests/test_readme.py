"""Every command of the README, run as a newcomer would: in a clean clone, in order."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# What a researcher does takes a data set: tests/test_first_hour.py makes a small one.
README = re.sub(
    r"^### A researcher's first hour$.*?(?=^## )",
    "",
    (REPOSITORY / "README.md").read_text(),
    flags=re.MULTILINE | re.DOTALL,
)
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
# These would run the tests from within the tests, or measure for minutes: make is asked whether it
# knows how. CI runs the first of them for real.
TOO_LONG = ("make test", "make bench", "make soak")


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone what is committed."""
    folder = tmp_path_factory.mktemp("newcomer") / "endolink"
    git = ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(folder)]
    subprocess.run(git, check=True)
    # The development environment takes minutes to build and is the one that runs this test.
    (folder / ".venv-dev").symlink_to(sys.prefix)
    (Path(sys.prefix) / "installed").touch()
    return folder


@pytest.fixture(scope="module")
def service(clone: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `make serve` until it is ready: it sets up its own environment first."""
    environment = os.environ | {"PORT": str(port)}
    process = subprocess.Popen(["make", "serve"], cwd=clone, env=environment)
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                break
        except OSError:
            time.sleep(0.3)
    else:
        pytest.fail("make serve did not become ready")
    yield process
    process.terminate()
    process.wait(timeout=30)


def _run(command: str, clone: Path, port: int) -> str:
    command = command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_there_is_something_to_run() -> None:
    assert COMMANDS[0] == "make serve"
    assert "make test" in COMMANDS
    assert "make test" in (REPOSITORY / ".ci/run").read_text()


def test_a_newcomers_first_verdict(
    clone: Path, port: int, service: subprocess.Popen[bytes]
) -> None:
    """From a clean clone, `make serve` and the curl line answer with a verdict."""
    (curl,) = (line for line in COMMANDS if line.startswith("curl"))
    verdict = json.loads(_run(curl, clone, port))
    assert verdict["model"]["name"] == "colonoscopy"
    assert {item["code"] for item in verdict["findings"]} >= {"polyp", "cecum"}
    done = subprocess.run(
        [clone / ".venv/bin/python", "-c", "import torch"], capture_output=True, check=False
    )
    assert b"No module named 'torch'" in done.stderr


def test_every_other_command_runs_in_order(
    clone: Path, port: int, service: subprocess.Popen[bytes]
) -> None:
    for command in COMMANDS[1:]:
        _run(f"make -n {command[5:]}" if command in TOO_LONG else command, clone, port)


def test_its_python_runs(clone: Path, service: subprocess.Popen[bytes]) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        done = subprocess.run(
            [clone / ".venv/bin/python", "-c", block],
            cwd=clone,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("polyp ")


def test_setting_up_again_is_quick(clone: Path, service: subprocess.Popen[bytes]) -> None:
    done = subprocess.run(
        ["make", "-n", "serve"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert "pip install" not in done.stdout


def test_without_venv_make_says_which_line_brings_it(tmp_path: Path) -> None:
    """Stand in for Debian's bare python3: a Python of the right version without ensurepip."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    bare = tmp_path / "python3"
    bare.write_text(
        f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    bare.chmod(0o755)
    done = subprocess.run(
        ["make", "serve", f"PYTHON={bare}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
