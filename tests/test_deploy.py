"""What `deploy/` says of the service holds; there is no need of an engine to see that."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from endolink.serving.app import RESOURCES
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.conftest import REPOSITORY
from tests.serving.service import Running, picture, serve

DEPLOY = REPOSITORY / "deploy"


def manifests() -> list[dict[str, Any]]:
    return [
        document
        for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
    ]


def of_kind(kind: str) -> dict[str, Any]:
    (document,) = [document for document in manifests() if document["kind"] == kind]
    return document


def test_probes_ask_what_is_served() -> None:
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    served = {resource.path for resource in RESOURCES if resource.method == "GET"}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in served
    annotations = of_kind("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] in served
    grace = of_kind("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > Settings().shutdown_grace + 5


def test_the_image_runs_as_nobody_and_writes_nothing() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    user = re.search(r"^USER (\d+)", dockerfile, re.MULTILINE)
    assert user
    assert int(user[1]) == pod["securityContext"]["runAsUser"] > 0
    copied = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines()}
    for name in ("src", "model", "serving", "training", "sample_data", "pyproject.toml"):
        assert name in copied
        assert (REPOSITORY / name).exists()


@pytest.mark.program("openssl")
@pytest.mark.parametrize("encrypted", [False, True])
def test_the_image_asks_itself_how_it_is(tmp_path: Path, *, encrypted: bool) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    found = re.search(r"^HEALTHCHECK [^\n]*\n *(\[.*\])$", text, re.MULTILINE)
    assert found
    program, *words = json.loads(found[1])
    assert program == "/opt/endolink/bin/python"
    tls: dict[str, Path] = {}
    if encrypted:
        tls = {"tls_certificate": tmp_path / "tls.crt", "tls_key": tmp_path / "tls.key"}
        kind = "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"
        files = "-keyout", tls["tls_key"], "-out", tls["tls_certificate"]
        subprocess.run(
            ["openssl", "req", *kind, "-subj", "/CN=elsewhere", *files],
            check=True,
            capture_output=True,
        )
    bundle = tiny_bundle(tmp_path / "tiny")
    settings = Settings.model_validate({"port": 0, "bundles": (bundle,), "provider": "cpu", **tls})

    def ask(port: int) -> int:
        own = {f"ENDOLINK_{name.upper()}": str(value) for name, value in tls.items()}
        environment = os.environ | own | {"ENDOLINK_PORT": str(port)}
        return subprocess.run(
            [sys.executable, *words], env=environment, capture_output=True, check=False
        ).returncode

    with serve(settings, Models.open(settings)) as running:
        assert ask(running.port) == 0
    assert ask(running.port) != 0


def test_what_is_scaled_on_is_measured_and_grows_in_a_flood(tmp_path: Path) -> None:
    metrics = of_kind("HorizontalPodAutoscaler")["spec"]["metrics"]
    settings = Settings(
        port=0, bundles=(tiny_bundle(tmp_path / "tiny"),), provider="cpu", workers=1, queue=4
    )
    large = picture(size=(1280, 1024))

    async def flood(running: Running) -> str:
        """Ask for much more than can be judged, and give what is measured meanwhile."""
        async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:

            async def ask() -> bool:
                return (await client.post("/v1/frames", content=large)).status_code == 503

            while not any(await asyncio.gather(*(ask() for _ in range(20)))):
                pass
            return (await client.get("/metrics")).text

    with serve(settings, Models.open(settings)) as running:
        text = asyncio.run(flood(running))
    above = []
    for metric in metrics:
        wanted, target = metric["pods"]["metric"], metric["pods"]["target"]["averageValue"]
        ((key, value),) = wanted["selector"]["matchLabels"].items()
        sample = re.escape(f'{wanted["name"]}{{{key}="{value}"}}')
        now = re.search(rf"^{sample} (\S+)$", text, re.MULTILINE)
        assert now, wanted
        above.append(float(now[1]) > int(target.removesuffix("m")) / 1000)
    assert any(above)


def test_settings_of_the_deployments_exist() -> None:
    known = {f"ENDOLINK_{name.upper()}" for name in Settings.model_fields}
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            named = set(re.findall(r"\bENDOLINK_[A-Z_]*[A-Z]", file.read_text()))
            assert named <= known, file


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = (DEPLOY / "endolink.service").read_text()
    copy = tmp_path / "endolink.service"
    copy.write_text(unit.replace("/opt/endolink/bin/endolink", "/bin/true"))
    done = subprocess.run(
        [program, "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    assert "endolink.service" not in done.stderr, done.stderr


def test_the_unit_leaves_room_for_keys_and_an_audit_log() -> None:
    unit = (DEPLOY / "endolink.service").read_text()
    said = dict(line.split("=", 1) for line in unit.splitlines() if re.match("[A-Z]", line))
    # The files are readable for their owner alone: it has to be the same one each time.
    assert "DynamicUser" not in said
    assert said["ProtectSystem"] == "strict"
    folders = set(re.findall(r"/var/lib/[a-z]+", unit))
    assert folders == {f"/var/lib/{said['StateDirectory']}"}
    assert (
        f"useradd --system --home-dir /var/lib/endolink --shell /usr/sbin/nologin {said['User']}"
        in unit
    )
