"""What is removed from a log lies in its archive first, whole and signed, or is not removed."""

import json
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from endolink.model.egress import EgressSettings
from endolink.model.errors import AuditTampered, AuditUnavailable, EgressRefused
from endolink.serving.audit.archive import Archive
from endolink.serving.audit.checkpoint import SigningKey, keys_of, public_path
from endolink.serving.audit.cli import audit
from endolink.serving.audit.export import Exported
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import Report, verify
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import serve

DAY = 86_400
HERE = EgressSettings.model_validate({"egress": "verdicts=local"})


@dataclass
class Past:
    """A log that was written long ago, and its clock."""

    log: AuditLog
    store: Store
    chain: str
    now: list[float] = field(default_factory=lambda: [1_000_000.0])

    def days_later(self, days: int, entries: int) -> None:
        self.now[0] += days * DAY
        for number in range(entries):
            self.log.append("frame", {"n": number}).result()
        self.log.sign()

    def prune(self, days: int, archive: Archive) -> int:
        return self.log.prune(self.now[0] - days * DAY, archive)


@pytest.fixture
def past(where: str, key: SigningKey) -> Iterator[Past]:
    store, chain, now = Store.open(where), uuid4().hex, [1_000_000.0]
    past = Past(AuditLog(store, chain, key, clock=lambda: now[0]), store, chain, now)
    past.days_later(0, 5)
    past.days_later(10, 5)
    past.days_later(10, 5)
    yield past
    past.log.close()


def read(path: Path, *keys: SigningKey) -> Report:
    file, known = Exported.read(path), keys_of(*(key.public for key in keys))
    return verify(file.chain, file.entries(), file.checkpoints, known, span=file.span)


def test_each_part_verifies_alone_and_they_follow_each_other(
    past: Past, key: SigningKey, tmp_path: Path
) -> None:
    archive = Archive(tmp_path / "archive", HERE)
    whole = list(past.store.entries(past.chain))
    assert past.prune(15, archive) == 5
    assert past.prune(5, archive) == 6  # and the note that the clock was set
    first, second = sorted((tmp_path / "archive").iterdir())
    assert [*Exported.read(first).entries(), *Exported.read(second).entries()] == whole[:11]
    for path, span in ((first, (1, 5)), (second, (6, 11))):
        report = read(path, key)
        assert report.ok, report.faults
        assert (report.first, report.last, report.protected) == (*span, span[1])
        assert path.stat().st_mode & 0o077 == 0
    # The log itself says what went where, and goes on from there.
    notes = [
        json.loads(each.body) for each in past.store.entries(past.chain) if "pruned" in each.kind
    ]
    digests = [sha256(path.read_bytes()).hexdigest() for path in (first, second)]
    assert [note["archived"]["sha256"] for note in notes] == digests
    assert [note["archived"]["entries"] for note in notes] == [5, 6]
    checkpoints = past.store.checkpoints(past.chain)
    assert verify(past.chain, past.store.entries(past.chain), checkpoints, keys_of(key.public)).ok


def test_a_part_that_was_changed_or_cut_is_found(
    past: Past, key: SigningKey, tmp_path: Path
) -> None:
    archive = Archive(tmp_path / "archive", HERE)
    past.prune(15, archive)
    past.prune(5, archive)
    *_, path = sorted((tmp_path / "archive").iterdir())
    lines = path.read_text().splitlines(keepends=True)
    head = json.loads(lines[0])
    wider = {**head, "span": {**head["span"], "after": 7}}
    shorter = {**head, "span": {**head["span"], "through": 9}}
    unsaid = {name: value for name, value in head.items() if name != "span"}
    for damaged in (
        [*lines[:3], lines[3].replace("frame", "fraud"), *lines[4:]],
        [lines[0], *lines[2:]],
        lines[:-1],
        [json.dumps(wider) + "\n", *lines[3:]],
        [json.dumps(shorter) + "\n", *lines[1:-2]],
        [json.dumps(unsaid) + "\n", *lines[1:]],
    ):
        path.write_text("".join(damaged))
        assert not read(path, key).ok
    path.write_text("".join(lines))
    assert read(path, key).ok
    assert not read(path, SigningKey.create(tmp_path / "other.key")).ok


def test_what_cannot_be_archived_is_not_removed(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(past.store.entries(past.chain))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(AuditUnavailable, match="archive"):
        past.prune(15, Archive(tmp_path / "file", HERE))
    elsewhere = EgressSettings.model_validate({"egress": f"verdicts={tmp_path / 'other'}"})
    with pytest.raises(EgressRefused):
        past.prune(15, Archive(tmp_path / "archive", elsewhere))
    assert not (tmp_path / "archive").exists()

    # A disk that says no only as the file is brought to it.
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AuditUnavailable, match="No space left"):
        past.prune(15, Archive(tmp_path / "archive", HERE))
    assert not list((tmp_path / "archive").iterdir())
    assert list(past.store.entries(past.chain)) == before


def test_a_log_that_was_changed_is_neither_archived_nor_removed(
    key: SigningKey, tmp_path: Path
) -> None:
    now = [1_000_000.0]
    store = Store.open(str(tmp_path / "a"))
    past = Past(AuditLog(store, "main", key, clock=lambda: now[0]), store, "main", now)
    past.days_later(0, 5)
    past.days_later(10, 5)
    connection = sqlite3.connect(tmp_path / "a")
    connection.execute("DROP TRIGGER audit_no_update")
    connection.execute("UPDATE audit_entries SET body = '{}' WHERE sequence = 3")
    connection.commit()
    connection.close()
    with pytest.raises(AuditTampered, match="entry 3"):
        past.prune(5, Archive(tmp_path / "archive", HERE))
    assert not list((tmp_path / "archive").iterdir())
    assert store.count("main") == 11
    past.log.close()


def _old_log(folder: Path) -> None:
    run("key", folder / "audit.key")
    key = SigningKey.read(folder / "audit.key")
    store = Store.open(str(folder / "audit.sqlite"))
    log = AuditLog(store, "main", key, clock=lambda: time.time() - 200 * DAY)
    for number in range(5):
        log.append("frame", {"n": number}).result()
    log.close()


def run(*words: object) -> str:
    done = CliRunner().invoke(audit, [str(word) for word in words])
    if done.exception:
        raise done.exception
    return done.output


def test_the_command_archives_and_verifies(tmp_path: Path) -> None:
    _old_log(tmp_path)
    log, key = tmp_path / "audit.sqlite", tmp_path / "audit.key"
    said = run("prune", log, "--key", key, "--archive", tmp_path / "archive")
    assert said.startswith("5 entries")
    (path,) = (tmp_path / "archive").iterdir()
    assert path.name == "main-000000000001-000000000005.jsonl"
    for each in (path, log):
        assert "Nothing was removed" in run("verify", each, "--public-key", public_path(key))


def test_the_service_archives_or_says_why_it_removes_nothing(
    tmp_path: Path,
    classifier_bundle: Path,
    models: Models,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _old_log(tmp_path)
    shutil.copy(tmp_path / "audit.sqlite", tmp_path / "copy.sqlite")
    given = {
        "port": 0,
        "bundles": (classifier_bundle,),
        "audit": str(tmp_path / "audit.sqlite"),
        "audit_key": tmp_path / "audit.key",
    }
    (tmp_path / "no-folder").write_text("")
    said = "audit log not pruned"
    with (
        caplog.at_level(logging.INFO),
        serve(Settings.model_validate({**given, "audit_archive": tmp_path / "no-folder"}), models),
    ):
        _until(lambda: any(said in record.getMessage() for record in caplog.records))
        _until(lambda: "unpruned" in _kinds(tmp_path / "audit.sqlite"))
    assert _kinds(tmp_path / "audit.sqlite").count("frame") == 5
    given["audit"] = str(tmp_path / "copy.sqlite")
    with serve(Settings.model_validate({**given, "audit_archive": tmp_path / "kept"}), models):
        _until(lambda: "frame" not in _kinds(tmp_path / "copy.sqlite"))
    (path,) = (tmp_path / "kept").iterdir()
    assert read(path, SigningKey.read(tmp_path / "audit.key")).entries == 5
    assert "pruned" in _kinds(tmp_path / "copy.sqlite")


def _kinds(where: Path) -> list[str]:
    store = Store.open(str(where), create=False)
    try:
        return [entry.kind for entry in store.entries("main")]
    finally:
        store.close()


def _until(met: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not met():
        assert time.monotonic() < limit
        time.sleep(0.02)
