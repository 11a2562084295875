import json
import subprocess
from pathlib import Path

import httpx
import pytest

from endolink.model.verdict import EXPLAINED_JSON, VERDICT_JSON
from endolink.serving.http import examples
from endolink.serving.http.frames import Batch
from tests.serving.service import Running


def test_the_example_is_a_verdict_and_all_of_it() -> None:
    written = json.dumps(examples.VERDICT)
    verdict = VERDICT_JSON.validate_json(written, strict=True)
    assert VERDICT_JSON.dump_python(verdict, mode="json") == examples.VERDICT
    assert all(
        finding.present == (finding.probability >= finding.threshold)
        for finding in verdict.findings
    )


def test_the_docs_show_that_example(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/frames"]["post"]
    assert operation["responses"]["200"]["content"]["application/json"]["example"] == (
        examples.VERDICT
    )


@pytest.mark.program("curl")
def test_every_command_runs_as_it_is_written(
    running: Running, client: httpx.Client, jpeg: bytes, tmp_path: Path
) -> None:
    (tmp_path / "frame.jpg").write_bytes(jpeg)
    paths = client.get("/openapi.json").json()["paths"]
    commands = [
        sample["source"]
        for operations in paths.values()
        for operation in operations.values()
        for sample in operation["x-codeSamples"]
    ]
    assert len(commands) >= 6
    identity = running.service.models.get().identity
    name, version = identity.name, identity.version
    for command in commands:
        assert examples.BASE in command
        done = subprocess.run(
            command.replace(examples.BASE, running.url)
            .replace("curl", "curl --fail", 1)
            .replace("model=colonoscopy&version=1.0.0", f"model={name}&version={version}")
            .replace("/models/colonoscopy", f"/models/{name}")
            .replace("/versions/1.0.0", f"/versions/{version}"),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        if "/metrics" in command:
            assert b"endolink_requests_total" in done.stdout
        elif ":batch" in command:
            assert len(Batch.model_validate_json(done.stdout).frames) == 2
        elif "heatmap" in command:
            EXPLAINED_JSON.validate_json(done.stdout, strict=True)
        elif "/infer" in command:
            (output, *_) = json.loads(done.stdout)["outputs"]
            assert output["shape"] == [1, len(running.service.models.get().findings)]
        elif "/v1/frames" in command:
            VERDICT_JSON.validate_json(done.stdout, strict=True)
        else:
            assert json.loads(done.stdout)
