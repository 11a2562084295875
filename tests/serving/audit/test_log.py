import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import JsonValue

from endolink.model.errors import AuditTampered, AuditUnavailable
from endolink.serving.audit.checkpoint import SigningKey, keys_of
from endolink.serving.audit.log import AuditLog, Pace
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import Report, verify
from tests.serving.audit.disk import Disk


@pytest.fixture
def chain() -> str:
    return uuid4().hex


def check(where: str, chain: str, key: SigningKey) -> Report:
    store = Store.open(where, create=False)
    report = verify(chain, store.entries(chain), store.checkpoints(chain), keys_of(key.public))
    store.close()
    return report


def test_entries_of_many_threads_are_one_sound_chain(
    where: str, chain: str, key: SigningKey
) -> None:
    log = AuditLog.open(where, chain, key, pace=Pace(entries=50))
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: log.append("frame", {"n": n}).result(), range(400)))
    log.close()
    assert sorted(done) == list(range(1, 401))
    report = check(where, chain, key)
    assert report.ok
    assert report.protected == 400


def test_a_chain_that_another_writes_to_meanwhile_is_not_cut_off(
    where: str, chain: str, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = {name: getattr(Store, name) for name in ("last", "checkpoints")}
    AuditLog.open(where, chain, key).close()

    def interrupted(name: str) -> Any:
        def read(store: Store, chain: str) -> Any:
            found = reads[name](store, chain)
            if reads.items() != {(each, getattr(Store, each)) for each in reads}:
                for each, whole in reads.items():
                    monkeypatch.setattr(Store, each, whole)
                other = AuditLog.open(where, chain, key)
                other.append("frame", {}).result()
                other.close()
            return found

        return read

    # Between what is read first and what is read next, whichever that is, another command writes.
    for name in reads:
        monkeypatch.setattr(Store, name, interrupted(name))
    log = AuditLog.open(where, chain, key)
    assert log.append("frame", {}).result() == 2
    log.close()
    assert check(where, chain, key).ok


def test_entries_written_on_the_spot_and_by_the_thread_are_one_sound_chain(
    where: str, chain: str, key: SigningKey
) -> None:
    log = AuditLog.open(where, chain, key, pace=Pace(entries=50))
    assert log.quick == ("://" not in where)

    def note(number: int) -> int:
        body: dict[str, JsonValue] = {"n": number}
        return log.write("frame", body) if number % 2 else log.append("frame", body).result()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(note, range(400)))
    log.close()
    assert sorted(done) == list(range(1, 401))
    assert check(where, chain, key).protected == 400
    with pytest.raises(AuditUnavailable, match="closed"):
        log.write("frame", {})


def test_what_was_written_on_the_spot_is_signed_in_time(tmp_path: Path, key: SigningKey) -> None:
    log = AuditLog.open(str(tmp_path / "a"), "main", key, pace=Pace(seconds=0.05))
    log.write("frame", {})
    store, limit = Store.open(str(tmp_path / "a")), time.monotonic() + 5
    while not store.checkpoints("main"):
        assert time.monotonic() < limit
        time.sleep(0.02)
    log.close()
    store.close()


def test_it_goes_on_where_it_stopped(where: str, chain: str, key: SigningKey) -> None:
    for _ in range(3):
        log = AuditLog.open(where, chain, key)
        log.append("frame", {}).result()
        log.close()
    assert check(where, chain, key).entries == 3
    assert check(where, chain, key).ok


def test_a_checkpoint_comes_with_time(tmp_path: Path, key: SigningKey) -> None:
    log = AuditLog.open(str(tmp_path / "a"), "main", key, pace=Pace(seconds=0.05))
    log.append("frame", {}).result()
    store, limit = Store.open(str(tmp_path / "a")), time.monotonic() + 5
    while not store.checkpoints("main"):
        assert time.monotonic() < limit
        time.sleep(0.02)
    log.close()
    store.close()


def test_what_was_answered_survives_a_kill(tmp_path: Path, key: SigningKey) -> None:
    SigningKey.create(tmp_path / "key")
    program = """
import sys
from pathlib import Path
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.audit.log import AuditLog, Pace
folder = Path(sys.argv[1])
key = SigningKey.read(folder / "key")
log = AuditLog.open(str(folder / "a"), "main", key, pace=Pace(entries=20))
while True:
    print(log.append("frame", {}).result(), flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        answered = [int(writer.stdout.readline()) for _ in range(100)]
        os.kill(writer.pid, signal.SIGKILL)
        answered += [int(line) for line in writer.stdout if line.endswith("\n")]
    mine = SigningKey.read(tmp_path / "key")
    report = check(str(tmp_path / "a"), "main", mine)
    assert report.ok
    # One entry more than was answered, at most: the one that was under way.
    assert report.last - answered[-1] in {0, 1}
    log = AuditLog.open(str(tmp_path / "a"), "main", mine)
    log.append("frame", {}).result()
    log.close()
    assert check(str(tmp_path / "a"), "main", mine).ok


def test_a_full_disk_refuses(tmp_path: Path, key: SigningKey) -> None:
    store = Store.open(str(tmp_path / "a"))
    log = AuditLog(store, "main", key)
    log.append("frame", {}).result()
    disk = Disk(store)
    disk.full = True
    fillers = [log.append("frame", {"filler": "x" * 500}) for _ in range(200)]
    with pytest.raises(AuditUnavailable, match="full"):
        fillers[-1].result()
    assert not log.healthy
    disk.full = False
    log.append("frame", {}).result()
    log.close()
    assert check(str(tmp_path / "a"), "main", key).ok


def test_a_full_disk_degrades_and_says_how_much_is_missing(
    tmp_path: Path, key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store.open(str(tmp_path / "a"))
    log = AuditLog(store, "main", key, policy="degrade")
    disk = Disk(store)
    disk.full = True
    with caplog.at_level(logging.ERROR):
        results = [log.append("frame", {"filler": "x" * 500}).result() for _ in range(100)]
    lost = results.count(0)
    assert lost == log.lost > 0
    assert any("cannot be written" in record.getMessage() for record in caplog.records)
    disk.full = False
    log.append("frame", {}).result()
    assert log.lost == 0
    log.close()
    again = Store.open(str(tmp_path / "a"))
    gap = [entry for entry in again.entries("main") if entry.kind == "gap"]
    assert [entry.body for entry in gap] == [f'{{"entries_lost":{lost}}}']
    again.close()
    assert check(str(tmp_path / "a"), "main", key).ok


def test_a_tampered_end_is_not_gone_on_with(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "a"
    log = AuditLog.open(str(path), "main", key)
    for _ in range(3):
        log.append("frame", {}).result()
    log.close()
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER audit_no_delete")
    connection.execute("DELETE FROM audit_entries WHERE sequence = 3")
    connection.commit()
    connection.close()
    with pytest.raises(AuditTampered, match="ends before"):
        AuditLog.open(str(path), "main", key)


def test_what_is_old_is_pruned_with_a_note(where: str, chain: str, key: SigningKey) -> None:
    now = [1_000_000.0]
    log = AuditLog(Store.open(where), chain, key, clock=lambda: now[0])
    for _ in range(5):
        log.append("frame", {}).result()
    log.sign()
    now[0] += 1000
    log.append("frame", {}).result()
    assert log.prune(now[0] - 2000) == 0
    assert log.prune(now[0] - 500) == 5
    log.close()
    store = Store.open(where)
    assert [entry.kind for entry in store.entries(chain)] == ["clock-set", "frame", "pruned"]
    store.close()
    assert check(where, chain, key).ok


def test_a_client_that_left_has_no_entry(tmp_path: Path, key: SigningKey) -> None:
    log = AuditLog.open(str(tmp_path / "a"), "main", key)
    futures = [log.append("frame", {"n": n}) for n in range(2000)]
    left = sum(future.cancel() for future in futures)
    log.close()
    assert check(str(tmp_path / "a"), "main", key).entries == 2000 - left


def test_a_closed_log_says_so(tmp_path: Path, key: SigningKey) -> None:
    log = AuditLog.open(str(tmp_path / "a"), "main", key)
    log.close()
    with pytest.raises(AuditUnavailable, match="closed"):
        log.append("frame", {}).result()
