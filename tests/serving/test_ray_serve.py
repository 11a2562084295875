"""The same application on a local Ray: started, scored through, streamed through."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO

import httpx
import pytest

from endolink.model.verdict import VERDICT_JSON
from endolink.serving.client.stream import Answer, AsyncStream
from endolink.serving.models import Models
from tests.serving.service import picture

pytestmark = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed; the ray extra brings it"
)

# In a process of its own: Ray keeps threads, and warns as it likes.
PROGRAM = """
import json, sys
import ray
from ray import serve
from endolink.serving import ray_serve

port = int(sys.argv[1])
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": port})
serve.run(ray_serve.app(ray_serve.Options(cpus=1, most=1)))
print(json.dumps({"ready": port}), flush=True)
sys.stdin.read()
serve.shutdown()
ray.shutdown()
"""


@dataclass
class Cluster:
    url: str


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_SERVE_LOG_TO_STDERR": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port)],
        env=os.environ | quiet,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        assert _says_ready(process.stdout) == port
        yield Cluster(f"http://127.0.0.1:{port}")
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def _says_ready(out: IO[str]) -> int:
    for line in out:
        if line.startswith('{"ready"'):
            return int(json.loads(line)["ready"])
    pytest.fail("Ray did not start the deployment")


def test_a_frame_is_scored_through_ray_as_on_the_bare_road(
    cluster: Cluster, models: Models, jpeg: bytes
) -> None:
    with httpx.Client(base_url=cluster.url, timeout=30) as client:
        answer = client.post("/v1/frames?explain=box", content=jpeg)
        assert answer.status_code == 200
        verdict = VERDICT_JSON.validate_json(answer.content)
        (bare,) = models.get().score([jpeg], explain="box")
        assert verdict.findings == bare.findings
        assert "total;dur=" in answer.headers["server-timing"]
        truncated = client.post("/v1/frames", content=jpeg[:3000])
        assert (truncated.status_code, truncated.json()["code"]) == (422, "frame-truncated")
        files = [("frame", ("a", jpeg, "image/jpeg"))] * 3
        assert len(client.post("/v1/frames:batch", files=files).json()["frames"]) == 3
        assert client.get("/readyz").json()["status"] == "ready"
        # One worker, as the replica's share of the node says.
        assert "endolink_workers 1.0" in client.get("/metrics").text


def test_a_stream_goes_through_ray(cluster: Cluster, models: Models) -> None:
    small = picture(size=(320, 256))

    async def main() -> Answer:
        async with AsyncStream(cluster.url, hedge=False, deadline_ms=10_000) as stream:
            stream.offer(small)
            async with asyncio.timeout(20):
                async for event in stream:
                    if isinstance(event, Answer):
                        return event
        pytest.fail("no verdict came")

    answer = asyncio.run(main())
    (bare,) = models.get().score([small])
    assert answer.judged.verdict.findings == bare.findings
