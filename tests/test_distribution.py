"""What a user installs: the wheel, its contents and what it brings along."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import requires
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("endolink-*.whl")
    return zipfile.ZipFile(built)


def test_a_plain_install_brings_no_torch() -> None:
    plain = [line for line in requires("endolink") or [] if "extra ==" not in line]
    names = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in plain}
    assert {"onnxruntime", "starlette", "pillow"} <= names
    heavy = {"torch", "torchvision", "onnx", "onnxscript", "av", "ray", "matplotlib", "tensorboard"}
    assert not names & heavy


def test_the_wheel_holds_every_module_and_one_bundle(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for room in ("model", "serving", "training", "sample_data"):
        for file in (REPOSITORY / room).rglob("*.py"):
            assert f"endolink/{file.relative_to(REPOSITORY)}" in names
    bundles = {name.split("/")[3] for name in names if name.startswith("endolink/model/bundles/")}
    assert bundles == {"colonoscopy"}
    tops = {name.split("/")[0] for name in names}
    assert tops == {"endolink", next(top for top in tops if top.endswith(".dist-info"))}


def test_the_wheel_holds_what_the_demo_needs(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for name in ("frames/polyp-sessile.jpg", "truth.json", "clip.webm"):
        assert f"endolink/sample_data/{name}" in names
    assert "endolink/py.typed" in names
    for file in (REPOSITORY / "serving/viewer").rglob("*.*"):
        assert f"endolink/{file.relative_to(REPOSITORY)}" in names


def test_the_wheel_says_its_licence_and_program(wheel: zipfile.ZipFile) -> None:
    (info,) = {
        Path(name).parent.as_posix() for name in wheel.namelist() if "dist-info/META" in name
    }
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    described = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert set(metadata.get_all("Provides-Extra") or []) == set(described["optional-dependencies"])
    points = wheel.read(f"{info}/entry_points.txt").decode()
    assert "endolink = endolink.model.command:main" in points
    assert "[endolink.commands]" in points
