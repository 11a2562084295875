import copy
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import sbom
from deploy.sbom import Bom, completed, environment
from endolink.model.bundle import SHIPPED, Bundle
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own, with one distribution that was installed by hand and ours."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/*/site-packages")
    for name, needs in (("typer", "rich>=13"), ("rich", ""), ("endolink", "typer")):
        info = site / f"{name}-99.0.dist-info"
        info.mkdir()
        needed = f"Requires-Dist: {needs}\n" if needs else ""
        text = f"Metadata-Version: 2.4\nName: {name}\nVersion: 99.0\nLicense: MIT\n{needed}"
        (info / "METADATA").write_text(text)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def raw(bare: Path) -> Bom:
    return environment(bare)


@pytest.fixture
def bom(raw: Bom, tmp_path: Path) -> Bom:
    (tmp_path / "endolink.whl").write_bytes(b"wheel")
    return completed(copy.deepcopy(raw), tmp_path / "endolink.whl", Bundle.open())


def test_what_is_installed_is_listed_with_what_needs_it(bom: Bom) -> None:
    named = {each["name"]: each for each in bom["components"]}
    assert named.keys() == {"typer", "rich", "colonoscopy"}
    assert named["rich"]["purl"] == "pkg:pypi/rich@99.0"
    needs = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    root = bom["metadata"]["component"]["bom-ref"]
    assert {named["typer"]["bom-ref"], "bundle"} <= set(needs[root])
    assert needs[named["typer"]["bom-ref"]] == [named["rich"]["bom-ref"]]
    assert not {ref for refs in needs.values() for ref in refs} - needs.keys()


def test_the_network_and_the_wheel_are_named_by_hash(bom: Bom) -> None:
    (model,) = [each for each in bom["components"] if each["type"] == "machine-learning-model"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": SHIPPED.removeprefix("sha256:")}]
    assert {"manifest.json", "model.onnx"} <= {each["name"] for each in model["components"]}
    (main,) = bom["metadata"]["component"]["hashes"]
    assert main["content"] == hashlib.sha256(b"wheel").hexdigest()
    assert bom["metadata"]["timestamp"]


def test_it_tells_nothing_of_where_it_was_made(bom: Bom, bare: Path) -> None:
    text = json.dumps(bom)
    assert str(bare.parents[1]) not in text
    assert str(REPOSITORY) not in text


def test_what_breaks_the_schema_is_refused(raw: Bom, tmp_path: Path) -> None:
    (tmp_path / "endolink.whl").write_bytes(b"wheel")
    broken = copy.deepcopy(raw)
    broken["components"][0]["type"] = "wheelbarrow"
    with pytest.raises(ValueError, match=r"not CycloneDX 1\.6"):
        completed(broken, tmp_path / "endolink.whl", Bundle.open())


@pytest.mark.soak
def test_both_bills_are_written(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.sbom", "--environment", sys.prefix]
    done = subprocess.run(
        [*command, "--out", tmp_path], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    wheel, image = (json.loads(path.read_text()) for path in sorted(tmp_path.iterdir())[::-1])
    assert wheel["metadata"]["component"]["hashes"] == image["metadata"]["component"]["hashes"]
    lock = (REPOSITORY / "deploy" / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, re.MULTILINE))
    held = {
        (re.sub(r"[._-]+", "-", each["name"]).lower(), each["version"])
        for each in image["components"]
        if each["type"] == "library"
    }
    assert len(held) > 30
    assert held <= locked
    assert sbom.NAME not in {name for name, _ in held}
