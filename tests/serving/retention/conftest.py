"""A vault with frames in it, and a service that keeps some."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.retention.record import KeptFrame, Signer
from endolink.serving.retention.vault import Offer, Vault

ABOUT = KeptFrame(
    id="",
    who="key:0:room-2",
    frame="f" * 64,
    model="sha256:m",
    purpose="review",
    why=("present",),
    kept_at=1_000_000,
    expires=2_000_000,
    size=0,
    content="",
)


def offer(name: str, data: bytes, **changes: Any) -> Offer:
    about = replace(
        ABOUT, id=name, size=len(data), content=hashlib.sha256(data).hexdigest(), **changes
    )
    return Offer(about, data)


def quietly(_: Sequence[KeptFrame]) -> None:
    return


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    KeyFile(tmp_path / "keys" / "retained.key").create()
    return tmp_path / "keys" / "retained.key"


@pytest.fixture
def vault(tmp_path: Path, key_path: Path) -> Vault:
    made = Vault.open(tmp_path / "retained", key_path, create=True)
    made.keep([offer(f"F{number}", b"pixels %d" % number) for number in range(4)], quietly)
    return made


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(SigningKey.create(tmp_path / "audit.key"), "a tester")
