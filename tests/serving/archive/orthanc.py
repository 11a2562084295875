"""A real PACS for tests: Debian's Orthanc with its DICOMweb plug-in."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_START_S = 60.0


@contextmanager
def orthanc(folder: Path) -> Iterator[str]:
    """Run an empty PACS on this machine; give the address of its DICOMweb service."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            ["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(f"http://127.0.0.1:{port}/system", folder / "orthanc.log")
        yield f"http://127.0.0.1:{port}/dicom-web"
    finally:
        process.terminate()
        process.wait(30)


def _wait(address: str, log: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            httpx.get(address).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        else:
            return
