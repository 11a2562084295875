import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.model.errors import AuditKeyUnusable
from endolink.serving.audit.checkpoint import (
    Checkpoint,
    PublicKey,
    SigningKey,
    keys_of,
    public_path,
)

LAST = bytes(range(32))


def test_the_public_half_verifies(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit.key"
    made = SigningKey.create(path)
    signed = SigningKey.read(path).sign("main", 7, 1, LAST)
    assert signed.verified("main", keys_of(PublicKey.read(public_path(path))))
    assert signed.key_id == made.public.id
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_of_one_chain_one_entry_one_key(key: SigningKey, tmp_path: Path) -> None:
    signed = key.sign("main", 7, 1, LAST)
    trusted = keys_of(key.public)
    assert not signed.verified("other", trusted)
    for change in ({"sequence": 8}, {"at": 2}, {"hash": bytes(32)}, {"signature": bytes(64)}):
        assert not dataclasses.replace(signed, **change).verified("main", trusted)
    other = SigningKey.create(tmp_path / "other.key")
    assert not signed.verified("main", keys_of(other.public))


@given(st.integers(1, 2**53), st.integers(0, 2**53), st.binary(min_size=32, max_size=32))
def test_json_goes_there_and_back(sequence: int, at: int, last: bytes) -> None:
    signed = Checkpoint(sequence, at, last, "0123456789abcdef", bytes(64))
    assert Checkpoint.from_json(signed.to_json()) == signed


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    SigningKey.create(tmp_path / "a.key")
    with pytest.raises(AuditKeyUnusable, match="not replaced"):
        SigningKey.create(tmp_path / "a.key")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    SigningKey.create(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(0o640)
    with pytest.raises(AuditKeyUnusable, match="chmod 600"):
        SigningKey.read(tmp_path / "a.key")


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nx\n", bytes(40)])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AuditKeyUnusable):
        SigningKey.read(path)
    with pytest.raises(AuditKeyUnusable):
        PublicKey.read(path)
