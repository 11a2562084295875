"""The commands of docs/offline.md, run as they stand there; the second half without a network."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "offline.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def bash(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=os.environ | environment,
    )


def without_network(script: str) -> str:
    """Where this machine lets us, in a network of its own that has nothing in it."""
    may = subprocess.run(
        ["unshare", "--net", "--map-root-user", "true"], capture_output=True, check=False
    )
    if may.returncode:
        return script
    reached = "python3 -c \"import urllib.request as u; u.urlopen('https://pypi.org', timeout=3)\""
    return f"unshare --net --map-root-user bash -euo pipefail <<'X'\n! {reached} 2>&-\n{script}\nX"


def test_there_is_something_to_run() -> None:
    assert len(BLOCKS) == 2
    assert "--require-hashes" in BLOCKS[0]
    assert all("--no-index" in line for line in BLOCKS[1].splitlines() if "pip install" in line)


@pytest.mark.soak
def test_it_is_fetched_here_and_installed_there(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    clone = ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(here)]
    subprocess.run(clone, check=True)
    done = bash(BLOCKS[0], here)
    assert done.returncode == 0, done.stdout + done.stderr
    there.mkdir()
    shutil.move(here / "endolink-offline", there)
    shutil.rmtree(here)

    # Whatever this machine's own settings say of where else packages lie.
    alone = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    done = bash(without_network(BLOCKS[1]), there, **alone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "self-test passed" in done.stdout

    # Whoever changes a wheel on the way is found twice over.
    wheel = next((there / "endolink-offline" / "wheels").glob("typer-*.whl"))
    with wheel.open("ab") as file:
        file.write(b"\0")
    checked, _, installed, *_ = BLOCKS[1].splitlines()
    assert bash(checked, there).returncode != 0
    again = bash(installed.replace("install ", "install --force-reinstall ", 1), there, **alone)
    assert again.returncode != 0
    assert "DO NOT MATCH THE HASHES" in again.stderr
