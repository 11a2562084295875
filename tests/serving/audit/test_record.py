"""The service remembers what it answers, and nothing else."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from endolink.serving.access.keys import KeyRing
from endolink.serving.audit.checkpoint import SigningKey, keys_of
from endolink.serving.audit.entry import Entry
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import verify
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from endolink.serving.wire import StreamFrame
from tests.serving.audit.disk import Disk
from tests.serving.service import Running, picture, serve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SigningKey.create(tmp_path / "audit.key")
    return tmp_path


@pytest.fixture
def key_of_room(folder: Path) -> str:
    return KeyRing(folder / "keys.json").create("room", ["score", "stream", "admin"])[1]


@pytest.fixture
def remembering(
    folder: Path, classifier_bundle: Path, models: Models, key_of_room: str
) -> Iterator[Running]:
    settings = Settings.model_validate(
        {
            "port": 0,
            "bundles": (classifier_bundle,),
            "keys": folder / "keys.json",
            "audit": str(folder / "audit.sqlite"),
            "audit_key": folder / "audit.key",
        }
    )
    with serve(settings, models) as running:
        yield running


def clock() -> int:
    return time.monotonic_ns() // 1000


def entries(folder: Path) -> list[Entry]:
    store = Store.open(str(folder / "audit.sqlite"), create=False)
    found = list(store.entries("main"))
    # What the service may write at all it notes as it begins.
    assert found[0].kind == "egress"
    public = keys_of(SigningKey.read(folder / "audit.key").public)
    assert verify("main", found, store.checkpoints("main"), public).ok
    store.close()
    return found[1:]


def test_what_was_answered_is_in_the_log(
    remembering: Running, folder: Path, key_of_room: str
) -> None:
    headers = {"Authorization": f"Bearer {key_of_room}"}
    with httpx.Client(base_url=remembering.url, headers=headers, timeout=20) as client:
        answer = client.post("/v1/frames", content=picture())
        verdict = answer.json()
        (entry,) = entries(folder)
        note = json.loads(entry.body)
        assert note["request"] == verdict["request_id"]
        assert note["verdict"] == hashlib.sha256(answer.content).hexdigest()
        assert note["frame"] == hashlib.sha256(picture()).hexdigest()
        assert note["model"] == verdict["model"]["digest"]
        assert note["who"].endswith(":room")
        assert key_of_room not in entry.body

        files = [("frame", ("a.jpg", picture(), "image/jpeg"))] * 3
        batch = client.post("/v1/frames:batch", files=files).json()
        asked = {item["verdict"]["request_id"] for item in batch["frames"]}
        assert asked == {json.loads(entry.body)["request"] for entry in entries(folder)[1:]}

        model = verdict["model"]
        name = {"model": model["name"], "version": model["version"]}
        assert client.post("/v1/models:activate", params=name).status_code == 200
        assert [entry.kind for entry in entries(folder)] == ["frame"] * 4 + ["model"]
        # What is refused is not judged, and so not remembered as if it were.
        assert client.post("/v1/frames", content=b"x").status_code == 415
        assert len(entries(folder)) == 5


def test_a_stream_is_one_entry_a_second(
    remembering: Running, folder: Path, key_of_room: str
) -> None:
    said = hashlib.sha256()
    with connect(f"ws://127.0.0.1:{remembering.port}/v1/streams") as socket:
        hello = {"type": "hello", "clock_us": clock(), "deadline_ms": 10_000}
        socket.send(json.dumps({**hello, "credential": key_of_room}))
        for sequence in range(4):
            socket.send(StreamFrame(sequence, clock(), picture()).pack())
            while True:
                message = str(socket.recv(10))
                if json.loads(message)["type"] == "verdict":
                    said.update(b"%d:%b" % (len(message.encode()), message.encode()))
                    break
        socket.send('{"type": "bye"}')
        for _ in socket:
            pass
    remembering.service.audit.log.sign()  # type: ignore[union-attr]
    notes = [json.loads(entry.body) for entry in entries(folder) if entry.kind == "stream"]
    assert sum(note["verdicts"] for note in notes) == 4
    assert (notes[0]["first"], notes[-1]["last"]) == (0, 3)
    if len(notes) == 1:
        assert notes[0]["digest"] == said.hexdigest()


def test_without_the_log_nothing_is_answered(
    remembering: Running, folder: Path, key_of_room: str
) -> None:
    audit = remembering.service.audit
    assert audit is not None
    disk = Disk(audit.log._store)
    disk.full = True
    headers = {"Authorization": f"Bearer {key_of_room}"}
    with httpx.Client(base_url=remembering.url, headers=headers, timeout=20) as client:
        for _ in range(100):
            answer = client.post("/v1/frames", content=picture())
            if answer.status_code != 200:
                break
        assert answer.status_code == 503
        assert answer.json()["code"] == "audit-unavailable"
        disk.full = False
        assert client.post("/v1/frames", content=picture()).status_code == 200


def test_answered_and_remembered_are_the_same_under_load(
    remembering: Running, folder: Path, key_of_room: str
) -> None:
    answered: set[str] = set()

    def ask() -> None:
        headers = {"Authorization": f"Bearer {key_of_room}"}
        with httpx.Client(base_url=remembering.url, headers=headers, timeout=20) as client:
            for _ in range(10):
                answer = client.post("/v1/frames", content=picture())
                if answer.status_code == 200:
                    answered.add(answer.json()["request_id"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) > 10
    assert answered == {json.loads(entry.body)["request"] for entry in entries(folder)}
