from pathlib import Path

import pytest

from endolink.model.errors import AuditUnavailable
from endolink.serving.audit.checkpoint import SigningKey, keys_of
from endolink.serving.audit.export import Exported, write_csv, write_lines
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import verify


@pytest.fixture
def store(tmp_path: Path, key: SigningKey) -> Store:
    log = AuditLog.open(str(tmp_path / "a"), "main", key)
    for number in range(20):
        log.append("frame", {"n": number, "note": 'comma, quote " and\nline'}).result()
    log.close()
    return Store.open(str(tmp_path / "a"))


def test_an_export_verifies_as_the_database_does(
    store: Store, key: SigningKey, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("w") as out:
        assert write_lines(store, "main", out) == 20
    file, keys = Exported.read(path), keys_of(key.public)
    assert list(file.entries()) == list(store.entries("main"))
    assert verify(file.chain, file.entries(), file.checkpoints, keys).ok
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:8] + lines[9:]))
    assert not verify(file.chain, Exported.read(path).entries(), file.checkpoints, keys).ok


def test_csv_has_a_line_for_each(store: Store, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as out:
        assert write_csv(store, "main", out) == 20
    assert (tmp_path / "a.csv").read_text().startswith("sequence,time,kind,body,hash")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "x"}', "\x00" * 50, "[" * 100_000])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x").write_text(content)
    with pytest.raises(AuditUnavailable, match="not an export"):
        Exported.read(tmp_path / "x")


def test_a_damaged_line_is_named(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("w") as out:
        write_lines(store, "main", out)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:5], lines[5][:30] + "\n"]))
    with pytest.raises(AuditUnavailable, match="line 6"):
        list(Exported.read(path).entries())
