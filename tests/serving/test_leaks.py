"""Patients' names, keys and pixels are planted wherever a client can put them, and never found."""

import json
import os
import re
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from endolink.serving.access.keys import KeyRing
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.wire import StreamFrame
from tests import dicoms
from tests.bundles import tiny_bundle
from tests.plants import leaks
from tests.serving.service import picture
from tests.studies import dicom_study, phantom

PROGRAM = Path(sys.executable).with_name("endolink")
NAME = "Phantom^Paula"
# Well-formed, and nobody's.
KEY = "endolink_0123456789ab_" + "planted-" * 5 + "key"
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6InBsYW50ZWQifQ.eyJzdWIiOiJQSC0wMDQyIn0.cGxhbnRlZA"
BOUNDARY = "PH-0042"


def frame() -> bytes:
    """A picture whose metadata names a patient."""
    exif = Image.Exif()
    exif[0x010E] = NAME
    out = BytesIO()
    with Image.open(BytesIO(picture(size=(320, 256)))) as image:
        image.save(out, "JPEG", exif=exif, comment=b"PH-0042 19610203")
    return out.getvalue()


FRAME = frame()


def test_the_plants_are_there() -> None:
    assert leaks(FRAME, frames=[FRAME])
    assert leaks(KEY.encode()) == ["a key"]
    assert leaks(TOKEN.encode()) == ["a token"]


def ask(url: str, key: str, folder: Path) -> list[bytes]:
    """Ask in every way, good and bad; give all that was answered."""
    said: list[bytes] = []
    headers = {
        "X-Client-Id": NAME,
        "User-Agent": NAME,
        "Referer": f"https://viewer.example.org/{NAME}",
        "Cookie": f"patient={NAME}",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "patient=PH-0042",
        "baggage": f"patient={NAME}",
    }
    dicom = dicoms.jpegs(folder / "a.dcm", [FRAME], size=(320, 256)).read_bytes()
    form = {"files": [("frame", (f"{NAME} PH-0042.jpg", FRAME, "image/jpeg"))]}
    forms = [("frame", (f"{NAME}.jpg", body, "image/jpeg")) for body in (FRAME, FRAME[:900], dicom)]
    tensor = {"name": NAME, "datatype": "UINT8", "shape": [1, 2, 2, 3], "data": list(FRAME[:12])}
    infer = {"id": NAME, "inputs": [tensor], "parameters": {"patient": NAME}}
    allowed = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:

        def do(method: str, path: str, who: dict[str, str] = allowed, **more: object) -> None:
            answer = client.request(method, path, headers=who, **more)  # type: ignore[arg-type]
            said.append(b"%d %r " % (answer.status_code, answer.headers.raw) + answer.content)

        for who in (allowed, {}, {"Authorization": f"Bearer {KEY}"}, {"Authorization": TOKEN}):
            do("POST", "/v1/frames", who, content=FRAME)
            do("POST", "/v1/frames?explain=box", who, **form)
            do("POST", "/v1/frames:batch", who, files=forms)
        do("POST", "/v1/frames", {"Authorization": f"Bearer {TOKEN}"}, content=FRAME)
        for bad in (FRAME[:900], b"GIF89a" + FRAME, dicom, NAME.encode(), b"", FRAME[::-1]):
            do("POST", "/v1/frames", content=bad)
        do("POST", f"/v1/frames?model={NAME}", content=FRAME)
        do("POST", f"/v1/frames?explain={NAME}&PH-0042=1", content=FRAME)
        do("POST", f"/v1/frames?captured_at={NAME}", content=FRAME)
        wrong = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        do("POST", "/v1/frames", allowed | wrong, content=f"--{BOUNDARY}\r\n{NAME}".encode())
        do("POST", "/v1/frames", allowed | {"Content-Type": f"image/{NAME}"}, content=FRAME)
        do("POST", "/v2/models/tiny/infer", json=infer)
        do("POST", f"/v2/models/{NAME}/infer", json=infer)
        do("POST", "/v2/models/tiny/infer", content=FRAME)
        do("POST", f"/v1/models:activate?model={NAME}&version=PH-0042")
        do("POST", "/v1/models:reload")
        for path in (f"/{NAME}", f"/v1/frames/{NAME}", f"/assets/../{NAME}", "/metrics", "/readyz"):
            do("GET", path)
        do(NAME.upper().replace("^", ""), "/v1/frames")
    return [*said, *watch(url, key)]


def watch(url: str, key: str) -> list[bytes]:
    """Talk over streams, well and badly; give all that was said."""
    said: list[bytes] = []

    def clock() -> int:
        return time.monotonic_ns() // 1000

    hello = {"type": "hello", "clock_us": clock(), "deadline_ms": 10_000}
    for first in (
        NAME,
        FRAME,
        json.dumps(hello | {"credential": KEY}),
        json.dumps(hello | {"credential": key, "resume": NAME}),
        json.dumps(hello | {"credential": key, "model": NAME}),
        json.dumps(hello | {"credential": key}),
    ):
        with connect(f"ws{url[4:]}/v1/streams?patient={NAME}", user_agent_header=NAME) as socket:
            try:
                socket.send(first)
                for number, data in enumerate((FRAME, FRAME[:900], NAME.encode())):
                    socket.send(StreamFrame(number, clock(), data).pack())
                socket.send(FRAME)
                socket.send(json.dumps({"type": NAME}))
                while True:
                    said.append(str(socket.recv(1)).encode())
            except (ConnectionClosed, TimeoutError):
                pass
    return said


def test_nothing_of_what_is_planted_is_in_logs_errors_metrics_traces_or_the_audit_log(
    tmp_path: Path,
) -> None:
    tracing = pytest.importorskip("tests.serving.test_tracing")
    key = KeyRing(tmp_path / "keys.json").create("room-2", ["score", "stream", "admin", "metrics"])[
        1
    ]
    SigningKey.create(tmp_path / "audit.key")
    KeyFile(tmp_path / "retained.key").create()
    bundle = tiny_bundle(tmp_path / "bundle")
    with tracing.collector() as collected:
        environment = {
            "ENDOLINK_TRACES": collected.url,
            "ENDOLINK_TRACE_FRAMES": "1",
            "ENDOLINK_EGRESS": f"verdicts,pixels=local;aggregates={collected.url}",
            "ENDOLINK_RETAIN": str(tmp_path / "retained"),
            "ENDOLINK_RETAIN_KEY": str(tmp_path / "retained.key"),
            "ENDOLINK_RETAIN_PURPOSE": "review",
            "ENDOLINK_RETAIN_DAYS": "1",
            "ENDOLINK_RETAIN_WHEN": "all",
            "ENDOLINK_RETAIN_CLIENTS": "*",
        }
        words = ["--provider", "cpu", "--bundle", bundle, "--keys", tmp_path / "keys.json"]
        words += ["--audit", tmp_path / "audit.sqlite", "--audit-key", tmp_path / "audit.key"]
        process = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", "--log-level", "debug", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | environment,
        )
        try:
            assert process.stdout is not None
            port = re.search(rb"http://[^/]+:(\d+) ", process.stdout.readline())
            assert port
            said = ask(f"http://127.0.0.1:{int(port[1])}", key, tmp_path)
        finally:
            process.terminate()
            printed, log = process.communicate(timeout=30)
    spans = b"".join(collected.raw)
    audit = (tmp_path / "audit.sqlite").read_bytes()
    # Each is there to be searched: the roads were walked.
    assert len(re.findall(rb"answered resource=", log)) > 30
    assert len(collected.spans) > 50
    for road in (b"judge_frame", b"judge_frames", b"infer"):
        assert road in log
        assert road in spans
    assert {answer[:3] for answer in said} >= {b"200", b"401", b"404", b"415", b"422"}
    assert any(b'"verdict"' in answer for answer in said)
    assert b"room-2" in audit
    assert (tmp_path / "retained" / "index.sqlite").stat().st_size > 10_000
    places = {"stdout": printed, "log": log, "spans": spans, "audit": audit}
    places |= {f"answer {number}": answer for number, answer in enumerate(said)}
    places |= {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in (tmp_path / "retained").rglob("*")
        if path.is_file()
    }
    found = {
        where: told
        for where, text in places.items()
        if (told := leaks(text, frames=[FRAME]) + [key] * (key.encode() in text))
    }
    assert not found, b"\n".join(line for line in log.splitlines() if leaks(line, frames=[FRAME]))


def test_scoring_an_archive_names_nobody_in_what_it_says_nor_in_results(tmp_path: Path) -> None:
    archive = tmp_path / NAME
    archive.mkdir()
    _, files = dicom_study(archive)
    still = dicoms.jpeg(phantom("polyp-sessile"))
    (archive / f"{NAME} PH-0042.jpg").write_bytes(still)
    (archive / f"{NAME}.mp4").write_bytes(NAME.encode())
    (archive / "broken.dcm").write_bytes(files[0].read_bytes()[:3000])
    (archive / f"{NAME}.zip").write_bytes(b"PK" + NAME.encode())
    forms = ("parquet", "csv", "html", "fhir")
    SigningKey.create(tmp_path / "audit.key")
    out = tmp_path / "out"
    done = subprocess.run(
        [
            *(PROGRAM, "score", archive, "--out", out, "--threads", "1", "--provider", "cpu"),
            *(word for form in forms for word in ("--format", form)),
        ],
        capture_output=True,
        check=False,
        timeout=300,
        env=os.environ
        | {
            "ENDOLINK_AUDIT": str(tmp_path / "audit.sqlite"),
            "ENDOLINK_AUDIT_KEY": str(tmp_path / "audit.key"),
        },
    )
    assert done.returncode == 0, done.stderr
    pq = pytest.importorskip("pyarrow.parquet")
    places = {"stdout": done.stdout, "stderr": done.stderr}
    places["audit"] = (tmp_path / "audit.sqlite").read_bytes()
    for path in out.rglob("*"):
        if path.is_file() and "private" not in path.parts:
            where = str(path.relative_to(out))
            if path.suffix == ".parquet":
                places[where] = str(pq.read_table(path).to_pylist()).encode()
            else:
                places[where] = path.read_bytes()
            assert not leaks(where.encode())
    kinds = {Path(where).name for where in places}
    assert kinds >= {"frames.parquet", "frames.csv", "report.html", "fhir.json", "studies.csv"}
    assert b"egress" in places["audit"]
    frames = [still]
    assert not {
        where: told for where, text in places.items() if (told := leaks(text, frames=frames))
    }
