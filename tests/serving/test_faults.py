"""What happens to a service under load when the machine fails it, and what its log says after.

Each time: what was answered is in the audit log, and what is in the log was answered, but for the
requests that were under way at a kill, one a client. The service goes on by itself, or says why it
will not.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from endolink.serving.audit.checkpoint import SigningKey, keys_of
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import verify
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.serving.service import picture, serve

PROGRAM = Path(sys.executable).with_name("endolink")
CLIENTS = 4
FRAME = picture(size=(320, 256))
LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@dataclass
class Load:
    """Clients that ask one frame after the other, and what they were told."""

    answered: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)
    frame: bytes = FRAME
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}/v1/frames"
        with httpx.Client(timeout=30) as client:
            while not self._over.is_set():
                try:
                    answer = client.post(url, content=self.frame)
                except httpx.TransportError as error:
                    self._note(type(error).__name__, None)
                    time.sleep(0.05)
                    continue
                body = answer.json()
                self._note(body.get("code", "verdict"), body.get("request_id"))
                if answer.status_code != 200:
                    time.sleep(0.02)

    def _note(self, what: str, request: str | None) -> None:
        with self._lock:
            self.told[what] += 1
            if request is not None:
                self.answered.add(request)

    def until(self, what: str, count: int = 10, seconds: float = 30) -> None:
        """Wait until `what` was told so many times more than now."""
        limit, before = time.monotonic() + seconds, self.told[what]
        while self.told[what] < before + count:
            assert time.monotonic() < limit, self.told
            time.sleep(0.02)

    @contextmanager
    def on(self, port: int) -> Iterator[None]:
        threads = [threading.Thread(target=self.ask, args=(port,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SigningKey.create(tmp_path / "audit.key")
    return tmp_path


@contextmanager
def program(
    folder: Path, bundle: Path, *, database: Path | None = None, **environment: Any
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `endolink serve` in a process of its own; its log is `folder`/service.log."""
    log_of = database or folder / "audit.sqlite"
    options: list[str | Path] = ["--provider", "cpu", "--threads", "1", "--bundle", bundle]
    options += ["--audit", log_of, "--audit-key", folder / "audit.key"]
    with (folder / "service.log").open("a") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment,
        )
    try:
        assert process.stdout is not None
        port = re.search(r"http://[^/]+:(\d+) ", process.stdout.readline())
        assert port, (folder / "service.log").read_text()
        yield process, int(port[1])
    finally:
        process.kill()
        process.communicate()


def logged(folder: Path, database: Path | None = None) -> tuple[set[str], list[tuple[str, Any]]]:
    """Give the requests that the log says were answered, and its other entries; it verifies."""
    store = Store.open(str(database or folder / "audit.sqlite"), create=False)
    entries = list(store.entries("main"))
    keys = keys_of(SigningKey.read(folder / "audit.key").public)
    report = verify("main", entries, store.checkpoints("main"), keys)
    store.close()
    assert report.ok, report.faults
    found = [(entry.kind, json.loads(entry.body)) for entry in entries]
    requests = [body["request"] for kind, body in found if kind == "frame"]
    assert len(set(requests)) == len(requests)
    return set(requests), [each for each in found if each[0] != "frame"]


def test_killed_and_started_again(folder: Path, bundle: Path) -> None:
    under_way = 0
    every = Load()
    for _ in range(2):
        load = Load(answered=every.answered)
        with program(folder, bundle) as (process, port), load.on(port):
            load.until("verdict")
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            under_way += CLIENTS
            load.until("ConnectError", 1)
        found, _ = logged(folder)
        assert every.answered <= found
        assert len(found - every.answered) <= under_way
    assert len(every.answered) >= 20


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of two megabytes, as only root can."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("policy", ["refuse", "degrade"])
def test_a_full_disk(folder: Path, bundle: Path, policy: str) -> None:
    load = Load()
    with small_disk(folder) as disk:
        database = disk / "audit.sqlite"
        with (
            program(folder, bundle, database=database, ENDOLINK_AUDIT_POLICY=policy) as (_, port),
            load.on(port),
        ):
            load.until("verdict")
            with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
                while filler.write(bytes(4096)):
                    pass
            if policy == "refuse":
                load.until("audit-unavailable")
            else:
                limit = time.monotonic() + 30
                while "cannot be written" not in (folder / "service.log").read_text():
                    assert time.monotonic() < limit
                    time.sleep(0.05)
                load.until("verdict")
            (disk / "filler").unlink()
            load.until("verdict", 20)
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        found, others = logged(folder, database)
    said = (folder / "service.log").read_text()
    assert "audit log cannot be written" in said
    assert "audit log can be written again" in said
    if policy == "refuse":
        assert found == load.answered
        assert not [kind for kind, _ in others if kind == "gap"]
    else:
        lost = sum(body["entries_lost"] for kind, body in others if kind == "gap")
        assert found <= load.answered
        assert len(load.answered - found) == lost > 0


@pytest.mark.program("faketime")
@pytest.mark.parametrize("jump", ["+400d", pytest.param("-400d", marks=pytest.mark.soak)])
def test_a_clock_that_jumps(folder: Path, bundle: Path, jump: str) -> None:
    if LIBFAKETIME is None:
        pytest.skip("libfaketime is not where it is looked for")
    clock = folder / "clock"
    clock.write_text("+0\n")
    load = Load()
    faked: dict[str, Any] = {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with program(folder, bundle, **faked) as (process, port), load.on(port):
        load.until("verdict")
        (folder / "set").write_text(f"{jump}\n")
        (folder / "set").replace(clock)
        load.until("verdict", 20)
        load._over.set()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    found, others = logged(folder)
    assert load.told.keys() <= {"verdict", "ConnectError", "RemoteProtocolError", "shutting-down"}
    assert found == load.answered
    by = [body["by_seconds"] for kind, body in others if kind == "clock-set"]
    # libfaketime's threads share one buffer without a lock: one of them may read "+400" on the way.
    assert by
    assert abs(sum(by) - int(jump[:-1]) * 86_400) < 10


def test_a_model_file_that_is_damaged_between_two_loads(
    folder: Path, bundle: Path, tmp_path: Path
) -> None:
    own = tmp_path / "bundle"
    shutil.copytree(bundle, own)
    network = next(own.glob("*.onnx"))
    whole = network.read_bytes()
    load = Load()

    def health(port: int, wanted: Callable[[str], bool]) -> None:
        limit = time.monotonic() + 20
        while not wanted(httpx.get(f"http://127.0.0.1:{port}/readyz").text):
            assert time.monotonic() < limit
            time.sleep(0.05)

    with program(folder, own) as (process, port), load.on(port):
        load.until("verdict")
        network.write_bytes(whole[:-100] + bytes(100))
        process.send_signal(signal.SIGHUP)
        health(port, lambda said: "model-change-failed" in said)
        load.until("verdict")
        network.write_bytes(whole)
        process.send_signal(signal.SIGHUP)
        health(port, lambda said: "model-change-failed" not in said)
        load.until("verdict")
    assert load.told.keys() == {"verdict"}
    found, _ = logged(folder)
    assert load.answered <= found
    assert len(found - load.answered) <= CLIENTS
    # Started with such a file it does not begin, and says why.
    network.write_bytes(whole[:-100] + bytes(100))
    done = subprocess.run(
        [PROGRAM, "serve", "--port", "0", "--bundle", own],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "bundle-tampered" in done.stderr
    assert network.name in done.stderr


def test_a_provider_that_fails_and_recovers(folder: Path, bundle: Path) -> None:
    settings = Settings(
        port=0,
        bundles=(bundle,),
        provider="cpu",
        audit=SecretStr(str(folder / "audit.sqlite")),
        audit_key=folder / "audit.key",
    )
    models = Models.open(settings)
    network = models.get()._session
    computing = network._session

    class Failing:
        def run(self, *_: object) -> None:
            raise RuntimeError("the device is gone")

    load = Load()
    with serve(settings, models) as running, load.on(running.port):
        load.until("verdict")
        network._session = Failing()
        load.until("internal")
        assert "failing" in httpx.get(f"{running.url}/readyz").text
        network._session = computing
        load.until("verdict")
    found, _ = logged(folder)
    assert found == load.answered


class Cgroup:
    """A control group of the test's own, of either version, or the reason why there is none."""

    def __init__(self, controller: str) -> None:
        old = Path("/sys/fs/cgroup") / controller
        self.is_old = old.is_dir()
        self.path = (old if self.is_old else old.parent) / f"endolink-test-{os.getpid()}"
        try:
            self.path.mkdir()
        except OSError as error:
            pytest.skip(f"no control group for {controller} can be made here: {error.strerror}")
        if not self.is_old and not (self.path / f"{controller}.max").exists():
            self.path.rmdir()
            pytest.skip(f"the controller {controller} is not given to control groups here")

    def take(self, pid: int) -> None:
        (self.path / "cgroup.procs").write_text(str(pid))

    def write(self, old: str, new: str, value: str) -> None:
        (self.path / (old if self.is_old else new)).write_text(value)

    def read(self, old: str, new: str) -> int:
        return int((self.path / (old if self.is_old else new)).read_text())

    def __enter__(self) -> "Cgroup":
        return self

    def __exit__(self, *_: object) -> None:
        for _attempt in range(100):
            try:
                self.path.rmdir()
            except OSError:
                time.sleep(0.05)
            else:
                return


@pytest.mark.soak
def test_a_memory_limit(folder: Path, bundle: Path) -> None:
    load = Load(frame=picture("PNG", (2560, 2048)))
    with Cgroup("memory") as group:
        with program(folder, bundle) as (process, port):
            # What it has by now is not counted; a frame of this size has 15 megabytes of pixels.
            group.take(process.pid)
            group.write("memory.limit_in_bytes", "memory.max", str(12 * 2**20))
            with load.on(port):
                limit = time.monotonic() + 10
                while process.poll() is None and time.monotonic() < limit:
                    time.sleep(0.05)
        killed = process.returncode == -signal.SIGKILL
    found, _ = logged(folder)
    assert load.answered <= found
    assert len(found - load.answered) <= (CLIENTS if killed else 0)
    # Whoever starts it again finds it as it was.
    load = Load()
    with program(folder, bundle) as (_, port), load.on(port):
        load.until("verdict")
    assert load.answered <= logged(folder)[0]


@pytest.mark.soak
def test_a_processor_that_is_throttled(folder: Path, bundle: Path) -> None:
    load = Load()
    with Cgroup("cpu") as group, program(folder, bundle) as (process, port), load.on(port):
        load.until("verdict")
        group.take(process.pid)
        group.write("cpu.cfs_quota_us", "cpu.max", "10000" if group.is_old else "10000 100000")
        load.until("verdict", 5)
        group.write("cpu.cfs_quota_us", "cpu.max", "-1" if group.is_old else "max 100000")
        load.until("verdict", 20)
        load._over.set()
    assert load.told.keys() <= {"verdict", "overloaded"}
    found, _ = logged(folder)
    assert load.answered <= found
    assert len(found - load.answered) <= CLIENTS
