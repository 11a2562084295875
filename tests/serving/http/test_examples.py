import json
import subprocess
from pathlib import Path

import httpx
import pytest

from endolink.model.verdict import VERDICT_JSON
from endolink.serving.http import examples
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
    for command in commands:
        assert examples.BASE in command
        done = subprocess.run(
            command.replace(examples.BASE, running.url).replace("curl", "curl --fail", 1),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        answer = json.loads(done.stdout)
        if "/v1/frames" in command:
            VERDICT_JSON.validate_json(done.stdout, strict=True)
        assert answer
