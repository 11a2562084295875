"""The README's "A researcher's first hour", run on a data set of the right layout, made small.

The commands are the README's own. Only `--weights imagenet`, which would download, gives way to a
network that learns in seconds, and the catalogue of data sets to one whose site is on loopback.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.conftest import REPOSITORY
from tests.training.pictures import draw
from tests.training.site import Site, serve, zip_of

SECTION = re.search(
    r"^### A researcher's first hour$(.*?)^## ",
    (REPOSITORY / "README.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
assert SECTION is not None
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", SECTION[1], re.MULTILINE | re.DOTALL)
    for line in re.sub(r"\\\n\s*", "", block).splitlines()
]
FOLDERS = {
    "polyp": ("pathological-findings/polyps", "polyp"),
    "cecum": ("anatomical-landmarks/cecum", "normal-cecum"),
    "bbps-2-3": ("quality-of-mucosal-views/bbps-2-3", "bbps-2-3"),
}
SMALL = "--arch alexnet --size 64 --train-size 64 --batch 8 --epochs 1"
CATALOGUE = """
[[set]]
name = "hyper-kvasir"
adapter = "hyper-kvasir"
title = "A small HyperKvasir"
licence = "none: it was drawn"
citation = "nobody"
home = "{url}"
"""


def _small_set(root: Path, each: int = 12) -> dict[str, bytes]:
    """Draw HyperKvasir's files: labelled images, polyps' outlines, official folds."""
    lines = ["file-name;class-name;split-index"]
    labelled, segmented = root / "labelled", root / "segmented"
    for kind in ("images", "masks"):
        (segmented / kind).mkdir(parents=True)
    for label, (place, name) in FOLDERS.items():
        folder = labelled / "labeled-images" / "lower-gi-tract" / place
        folder.mkdir(parents=True)
        for number in range(each):
            file = f"{label}-{number:02}.jpg"
            picture = draw(label, number)
            picture.save(folder / file, quality=90)
            lines.append(f"{file};{name};{number % 5}")
            if label == "polyp":
                shutil.copy(folder / file, segmented / "images" / f"cju{number:02}.jpg")
                mask = Image.new("L", picture.size)
                ImageDraw.Draw(mask).ellipse((40, 30, 80, 66), fill=255)
                mask.save(segmented / "masks" / f"cju{number:02}.jpg")
    return {
        "/labeled-images.zip": zip_of(labelled),
        "/segmented-images.zip": zip_of(segmented, top="segmented-images"),
        "/5_fold_split.csv": "\n".join(lines).encode(),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, with the development environment in it, and a site that drops once."""
    folder = tmp_path_factory.mktemp("researcher")
    (folder / ".venv-dev").symlink_to(sys.prefix)
    site = Site(files=_small_set(tmp_path_factory.mktemp("authors")), drops=deque([20_000]))
    with serve(site):
        lines = [CATALOGUE.format(url=site.url)]
        for path, content in site.files.items():
            lines.append(f'[[set.files]]\nurl = "{site.url}{path}"\nsize = {len(content)}\n')
        (folder / "catalogue.toml").write_text("\n".join(lines))
        yield folder


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(place: Path) -> dict[str, str]:
    own = {"ENDOLINK_CATALOGUE": str(place / "catalogue.toml"), "HOME": str(place)}
    return os.environ | own | {"COLUMNS": "160", "OMP_NUM_THREADS": "1"}


def _run(place: Path, command: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=place,
        env=_environment(place),
        input="y\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _serve_and_ask(place: Path, serving: str, asking: str, port: int) -> dict[str, object]:
    with subprocess.Popen(
        ["bash", "-c", f"exec {serving.replace('8001', str(port))}"],
        cwd=place,
        env=_environment(place),
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while True:
                assert process.poll() is None
                assert time.monotonic() < deadline
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                        break
                except OSError:
                    time.sleep(0.2)
            verdict: dict[str, object] = json.loads(_run(place, asking.replace("8001", str(port))))
            return verdict
        finally:
            process.terminate()


@pytest.mark.program("curl")
def test_a_researchers_first_hour(place: Path, port: int) -> None:
    setup, fetch, inspect, train, evaluate, export, serving, asking = COMMANDS
    assert setup == "make env"

    said = _run(place, fetch)
    assert "Licence: none: it was drawn" in said
    assert (place / "hyper-kvasir" / "fetched.json").is_file()

    said = _run(place, inspect)
    assert "bbps-2-3" in said
    assert "12 frames" in said  # have outlines
    assert (place / "contact-sheet.jpg").stat().st_size > 10_000

    said = _run(place, train.replace("--weights imagenet", SMALL))
    assert "Over the seeds" in said
    splits = [(place / "runs" / "first" / f"seed-{n}" / "split.csv").read_text() for n in (0, 1)]
    assert splits[0] == splits[1]

    _run(place, evaluate)
    report = json.loads((place / "reports" / "first" / "report.json").read_text())
    tested = splits[0].count(",test")
    assert report["evaluation"]["frames"] == tested > 0
    assert {item["corruption"] for item in report["stress"]} >= {"inset", "jpeg"}
    page = (place / "reports" / "first" / "report.html").read_text()
    assert "<html" in page
    assert "Polyp" in page

    _run(place, export)
    card = (place / "my-bundle" / "MODEL_CARD.md").read_text()
    assert "hyper-kvasir" in card

    verdict = _serve_and_ask(place, serving, asking, port)
    findings = verdict["findings"]
    assert isinstance(findings, list)
    assert {item["code"] for item in findings} == {"polyp", "cecum", "bbps-2-3"}
