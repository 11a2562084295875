"""Frames live in memory, unless a service is told to keep them: it opens no file to write."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.bundles import tiny_bundle
from tests.plants import leaks
from tests.serving.retention.test_keeper import watch
from tests.serving.service import picture

# As `endolink serve`, telling of every file that Python opens for more than reading.
SERVE = """
import os, sys
def hook(event, arguments):
    if event == "open" and isinstance(arguments[2], int):
        path, _, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and path != os.devnull:
            os.write(3, (repr(path) + "\\n").encode())
from endolink.model.command import main
sys.argv[0] = "endolink"
sys.addaudithook(hook)
main()
"""


def test_no_road_writes_a_frame_to_a_disk(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    places = {name: tmp_path / name for name in ("home", "tmp", "work")}
    for place in places.values():
        place.mkdir()
    told = tmp_path / "told"
    frame = picture(size=(320, 256))
    large = picture("BMP", (1280, 1024))
    run = f'exec "$0" -c "$1" serve --port 0 --provider cpu --bundle "$2" 3> "{told}"'
    process = subprocess.Popen(
        ["bash", "-c", run, sys.executable, SERVE, str(bundle)],
        stdout=subprocess.PIPE,
        cwd=places["work"],
        env=os.environ | {"HOME": str(places["home"]), "TMPDIR": str(places["tmp"])},
    )
    try:
        assert process.stdout is not None
        port = re.search(rb"http://[^/]+:(\d+) ", process.stdout.readline())
        assert port
        before = told.read_text()
        with httpx.Client(base_url=f"http://127.0.0.1:{int(port[1])}", timeout=30) as client:
            for data in (frame, large):
                client.post("/v1/frames", content=data).raise_for_status()
                form = [("frame", ("a", data, "application/octet-stream"))] * 3
                client.post("/v1/frames:batch", files=form).raise_for_status()
                client.post("/v1/frames", files=form[:1]).raise_for_status()
            tensor = {"name": "pixels", "datatype": "UINT8", "shape": [1, 64, 64, 3]}
            body = json.dumps({"inputs": [tensor | {"data": [7] * 64 * 64 * 3}]})
            client.post("/v2/models/tiny/infer", content=body).raise_for_status()
        watch(int(port[1]), "")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert told.read_text() == before
    for place in places.values():
        for path in place.rglob("*"):
            assert not path.is_file() or not leaks(path.read_bytes(), frames=[frame])
