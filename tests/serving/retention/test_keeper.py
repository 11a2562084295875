"""A running service keeps what it was told to, and nothing else."""

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from websockets.sync.client import connect

from endolink.model.errors import EgressRefused, RetentionKeyUnusable
from endolink.serving.access.keys import KeyRing
from endolink.serving.app import create_app
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.audit.entry import Entry
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.store import Store
from endolink.serving.models import Models
from endolink.serving.retention.keeper import Keeper
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.retention.record import Signer
from endolink.serving.retention.vault import FRAMES, Vault
from endolink.serving.settings import Settings
from endolink.serving.wire import StreamFrame
from tests.serving.audit.disk import Disk
from tests.serving.service import Running, picture, serve

SMALL = picture(size=(320, 256))


@pytest.fixture
def keeping(tmp_path: Path, classifier_bundle: Path) -> dict[str, Any]:
    """Settings of a service that keeps every frame of room-2."""
    SigningKey.create(tmp_path / "audit.key")
    KeyFile(tmp_path / "retained.key").create()
    return {
        "port": 0,
        "bundles": (classifier_bundle,),
        "keys": tmp_path / "keys.json",
        "audit": str(tmp_path / "audit.sqlite"),
        "audit_key": tmp_path / "audit.key",
        "retain": tmp_path / "retained",
        "retain_key": tmp_path / "retained.key",
        "retain_purpose": "review",
        "retain_days": 30,
        "retain_when": "all",
        "retain_clients": "key:*:room-2",
    }


@pytest.fixture
def rooms(tmp_path: Path) -> dict[str, str]:
    ring = KeyRing(tmp_path / "keys.json")
    return {
        name: ring.create(name, ["score", "stream", "metrics"])[1] for name in ("room-1", "room-2")
    }


@contextmanager
def served(settings: dict[str, Any], models: Models) -> Iterator[Running]:
    with serve(Settings.model_validate(settings), models) as running:
        yield running


def vault_of(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "retained", tmp_path / "retained.key")


def noted(tmp_path: Path, kind: str) -> list[dict[str, Any]]:
    store = Store.open(str(tmp_path / "audit.sqlite"), create=False)
    found: list[Entry] = list(store.entries("main"))
    store.close()
    return [json.loads(entry.body) for entry in found if entry.kind == kind]


def watch(port: int, key: str) -> None:
    """Send one frame over a stream, and wait for its verdict."""

    def clock() -> int:
        return time.monotonic_ns() // 1000

    with connect(f"ws://127.0.0.1:{port}/v1/streams") as socket:
        hello = {"type": "hello", "clock_us": clock(), "deadline_ms": 10_000, "credential": key}
        socket.send(json.dumps(hello))
        socket.send(StreamFrame(0, clock(), SMALL).pack())
        while json.loads(str(socket.recv(10)))["type"] != "verdict":
            pass
        socket.send('{"type": "bye"}')


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_each_road_keeps_what_the_rule_covers_and_the_log_shows_it(
    keeping: dict[str, Any], rooms: dict[str, str], models: Models, tmp_path: Path
) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(SMALL)))
    tensor = {
        "name": "pixels",
        "datatype": "UINT8",
        "shape": [1, *pixels.shape],
        "data": pixels.ravel().tolist(),
    }
    with served(keeping, models) as running:
        for key in rooms.values():
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=running.url, headers=headers, timeout=30) as client:
                one = client.post("/v1/frames", content=SMALL).json()
                files = [("frame", ("a.jpg", SMALL, "image/jpeg"))] * 2
                client.post("/v1/frames:batch", files=files).raise_for_status()
                name = one["model"]["name"]
                client.post(
                    f"/v2/models/{name}/infer", json={"inputs": [tensor]}
                ).raise_for_status()
                assert client.post("/v1/frames", content=b"no picture").status_code == 415
            watch(running.port, key)
    kept = vault_of(tmp_path).frames()
    assert len(kept) == 5
    assert {frame.who.rpartition(":")[2] for frame in kept} == {"room-2"}
    assert [vault_of(tmp_path).read(frame.id)[1] for frame in kept].count(SMALL) == 4
    (tensors,) = [frame for frame in kept if frame.content != hashlib.sha256(SMALL).hexdigest()]
    again = np.asarray(Image.open(io.BytesIO(vault_of(tmp_path).read(tensors.id)[1])))
    assert np.array_equal(again, pixels)
    assert {note["request"] for note in noted(tmp_path, "retained")} == {each.id for each in kept}
    (leaving,) = [note for note in noted(tmp_path, "egress") if note["kinds"] == ["pixels"]]
    assert leaving == {"by": "serve", "kinds": ["pixels"], "to": "local", "allowed": True}


def test_a_slow_disk_loses_what_is_kept_and_delays_nobody(
    keeping: dict[str, Any], models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate(keeping | {"retain_clients": "*"})
    (verdict,) = models.get().score([SMALL])
    go = threading.Event()
    keep = Vault.keep

    def slowly(self: Vault, *arguments: Any) -> None:
        go.wait(10)
        keep(self, *arguments)

    monkeypatch.setattr(Vault, "keep", slowly)
    key = SigningKey.read(tmp_path / "audit.key")
    log = AuditLog.open(str(tmp_path / "audit.sqlite"), "main", key)
    vault = Vault.open(tmp_path / "retained", tmp_path / "retained.key", create=True)
    keeper = Keeper(vault, settings, log, Signer(key, "serve"))
    began = time.perf_counter()
    for number in range(200):
        keeper.offer("anybody", SMALL, replace(verdict, request_id=f"F{number:03}"))
    assert time.perf_counter() - began < 1
    go.set()
    keeper.close()
    log.close()
    (outcomes, held) = keeper.collect()
    counts = {sample.labels["outcome"]: sample.value for sample in outcomes.samples}
    assert counts["kept"] + counts["dropped"] == 200
    assert counts["dropped"] >= 100
    assert len(vault.frames()) == counts["kept"]
    assert held.samples[0].value == counts["kept"] * len(SMALL)


def test_the_limit_of_bytes_holds(
    keeping: dict[str, Any], rooms: dict[str, str], models: Models, tmp_path: Path
) -> None:
    large = picture("BMP", (640, 512))
    assert len(large) > 2**19
    headers = {"Authorization": f"Bearer {rooms['room-2']}"}
    with (
        served(keeping | {"retain_bytes": 2**20}, models) as running,
        httpx.Client(base_url=running.url, headers=headers, timeout=30) as client,
    ):
        for _ in range(3):
            client.post("/v1/frames", content=large).raise_for_status()
        until(lambda: 'outcome="full"} 2' in client.get("/metrics").text)
        assert f"endolink_retained_bytes {float(len(large))}" in client.get("/metrics").text
    assert len(vault_of(tmp_path).frames()) == 1


def test_time_deletes_while_the_service_runs(
    keeping: dict[str, Any],
    rooms: dict[str, str],
    models: Models,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("endolink.serving.app.Keeper", partial(Keeper, every_s=0.05))
    headers = {"Authorization": f"Bearer {rooms['room-2']}"}
    with served(keeping, models) as running:
        httpx.post(f"{running.url}/v1/frames", content=SMALL, headers=headers, timeout=20)
        keeper = running.service.keeper
        assert keeper is not None
        until(lambda: len(vault_of(tmp_path).frames()) == 1)
        (frame,) = vault_of(tmp_path).frames()
        # A month passes for whoever asks when a frame's time is over.
        vault, expire = keeper._vault, keeper._vault.expire
        vault.expire = lambda signer: expire(signer, frame.expires)  # type: ignore[assignment, misc, method-assign]
        until(lambda: not vault_of(tmp_path).frames())
        until(lambda: bool(noted(tmp_path, "deleted")))
    (note,) = noted(tmp_path, "deleted")
    assert (note["id"], note["reason"], note["by"]) == (frame.id, "expired", "serve")
    assert not (tmp_path / "retained" / FRAMES / f"{frame.id}.frame").exists()


def test_without_the_audit_log_nothing_is_kept(
    keeping: dict[str, Any], rooms: dict[str, str], models: Models, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {rooms['room-2']}"}
    with served(keeping, models) as running:
        audit = running.service.audit
        assert audit is not None
        Disk(audit.log._store).full = True
        with httpx.Client(base_url=running.url, headers=headers, timeout=20) as client:
            answers = [client.post("/v1/frames", content=SMALL).status_code for _ in range(30)]
    assert answers[-1] == 503
    notes = {note["request"] for note in noted(tmp_path, "retained")}
    assert {frame.id for frame in vault_of(tmp_path).frames()} <= notes


def test_it_does_not_start_where_it_may_not_or_cannot_keep(
    keeping: dict[str, Any], models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOLINK_EGRESS", "verdicts=local;pixels=/elsewhere")
    with pytest.raises(EgressRefused, match="pixels"):
        create_app(Settings.model_validate(keeping), models)
    assert {"by": "serve", "kinds": ["pixels"], "to": "local", "allowed": False} in noted(
        tmp_path, "egress"
    )
    monkeypatch.delenv("ENDOLINK_EGRESS")
    (tmp_path / "retained.key").unlink()
    with pytest.raises(RetentionKeyUnusable, match="endolink retained key"):
        create_app(Settings.model_validate(keeping), models)
