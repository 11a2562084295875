import sqlite3
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from endolink.model.errors import AuditUnavailable
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.audit.entry import GENESIS, Entry, seal
from endolink.serving.audit.store import Store


def some(chain: str, count: int, start: int = 0, previous: bytes = GENESIS) -> list[Entry]:
    entries = []
    for number in range(start + 1, start + count + 1):
        entries.append(seal(chain, previous, number, at=number, kind="frame", body="{}"))
        previous = entries[-1].hash
    return entries


@pytest.fixture
def chain() -> str:
    return uuid4().hex


def test_what_is_written_is_read(where: str, chain: str, key: SigningKey) -> None:
    entries = some(chain, 5)
    signed = key.sign(chain, 5, 9, entries[-1].hash)
    store = Store.open(where)
    store.append(chain, entries, signed)
    store.close()
    again = Store.open(where)
    assert list(again.entries(chain)) == entries
    assert list(again.entries(chain, 3)) == entries[3:]
    assert again.last(chain) == entries[-1]
    assert again.count(chain) == 5
    assert again.checkpoints(chain) == [signed]
    assert chain in again.chains()
    again.close()


def test_nothing_is_changed_or_removed(where: str, chain: str) -> None:
    store = Store.open(where)
    store.append(chain, some(chain, 3))
    store.close()
    remote = "://" in where
    url = where.replace("sql:", "sql+pg8000:") if remote else f"sqlite:///{where}"
    engine = create_engine(url)
    for statement in ("UPDATE audit_entries SET kind = 'x'", "DELETE FROM audit_entries"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


def test_only_what_is_pruned_goes(where: str, chain: str, key: SigningKey) -> None:
    entries = some(chain, 6)
    store = Store.open(where)
    store.append(chain, entries[:3], key.sign(chain, 3, 9, entries[2].hash))
    store.append(chain, entries[3:], key.sign(chain, 6, 9, entries[5].hash))
    assert store.prune(chain, 3) == 3
    assert list(store.entries(chain)) == entries[3:]
    assert [each.sequence for each in store.checkpoints(chain)] == [3, 6]
    assert store.prune(chain, 3) == 0
    store.close()


def test_two_writers_of_a_chain_do_not_mix(where: str, chain: str) -> None:
    first, second = Store.open(where), Store.open(where)
    first.append(chain, some(chain, 2))
    with pytest.raises(AuditUnavailable, match="another service"):
        second.append(chain, some(chain, 1))
    assert first.count(chain) == 2
    first.close()
    second.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="cannot be used"):
        Store.open(str(tmp_path / "missing" / "audit.sqlite"))
    with pytest.raises(AuditUnavailable, match="no audit log"):
        Store.open(str(tmp_path / "audit.sqlite"), create=False)
    (tmp_path / "text").write_text("not a database, but long enough to be looked at" * 40)
    with pytest.raises(AuditUnavailable, match="not a database"):
        Store.open(str(tmp_path / "text"))


def test_an_address_with_a_password_is_not_repeated() -> None:
    with pytest.raises(AuditUnavailable) as caught:
        Store.open("postgresql://me:secret@127.0.0.1:1/audit")
    assert "secret" not in caught.value.detail
    with pytest.raises(AuditUnavailable) as caught:
        Store.open("mysql://me:secret@127.0.0.1/audit")
    assert "secret" not in caught.value.detail


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    store = Store.open(str(path))
    entries = some("main", 400)
    store.append("main", entries[:10])
    with sqlite3.connect(path) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    # SQLite's own bound gives the very error of a full disk.
    with store._engine.connect() as held:
        held.execute(text(f"PRAGMA max_page_count = {pages}"))
        held.commit()
    with pytest.raises(AuditUnavailable, match="full"):
        store.append("main", entries[10:])
    assert store.count("main") == 10
    store.close()
