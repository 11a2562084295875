"""The one key that wraps the keys of all frames, in a file of its own."""

import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from endolink.model.errors import RetentionKeyUnusable
from endolink.serving.disk import is_private, sync_folder

_KEY_BYTES: Final = 32
_FORMAT: Final = "endolink-retention-1"


@dataclass(frozen=True)
class WrappingKey:
    """A 256-bit key; `id` tells which, and nothing about it."""

    id: str
    secret: bytes

    @classmethod
    def generate(cls) -> Self:
        """Make a new one."""
        return cls(secrets.token_hex(8), secrets.token_bytes(_KEY_BYTES))

    def wrap(self, key: bytes) -> bytes:
        """Wrap a frame's key (RFC 3394)."""
        return aes_key_wrap(self.secret, key)

    def unwrap(self, wrapped: bytes) -> bytes | None:
        """Give the frame's key; None where this key has not wrapped it."""
        try:
            return aes_key_unwrap(self.secret, wrapped)
        except (InvalidUnwrap, ValueError):
            return None

    def __repr__(self) -> str:
        return f"WrappingKey({self.id})"


class KeyFile:
    """The file at `path`, for its owner's eyes only; while it changes, `path`.next beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next = path.with_name(path.name + ".next")

    def create(self) -> WrappingKey:
        """Make the file.

        Raises
        ------
        RetentionKeyUnusable
            There is one, or it cannot be written.
        """
        key = WrappingKey.generate()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write(self.path, key)
        except FileExistsError as error:
            raise RetentionKeyUnusable(
                f"{self.path}: there is a key already; it is not replaced"
            ) from error
        except OSError as error:
            raise RetentionKeyUnusable(f"{self.path}: {error.strerror}") from error
        return key

    def read(self, wanted: str | None = None) -> WrappingKey:
        """Give the key, or the one called `wanted`, where a change was cut short between the two.

        Raises
        ------
        RetentionKeyUnusable
            There is none, or others may read it, or it is not the one that is wanted.
        """
        found = [*_given(self.path), *_given(self._next)] or [_read(self.path)]
        for key in found:
            if wanted in {None, key.id}:
                return key
        raise RetentionKeyUnusable(
            f"{self.path}: this is not the key that the frames were kept with; it was changed when "
            "frames were deleted, and an older copy opens nothing"
        )

    def stage(self) -> WrappingKey:
        """Make the key that comes next, and keep it beside the one that holds."""
        key = WrappingKey.generate()
        self._next.unlink(missing_ok=True)
        _write(self._next, key)
        return key

    def settle(self, held: str) -> None:
        """Let the key called `held` be the only one: the other is overwritten and removed."""
        if not self._next.exists():
            return
        if any(key.id == held for key in _given(self.path)):
            _overwrite(self._next)
            self._next.unlink()
        elif any(key.id == held for key in _given(self._next)):
            _overwrite(self.path)
            self._next.replace(self.path)
        else:
            raise RetentionKeyUnusable(
                f"{self.path}: neither it nor the next is the key that holds"
            )
        sync_folder(self.path.parent)


def _given(path: Path) -> Iterator[WrappingKey]:
    """Give the key in `path`; a file that was cut short as it was overwritten holds none."""
    with suppress(RetentionKeyUnusable):
        yield _read(path)


def _read(path: Path) -> WrappingKey:
    try:
        if not is_private(path):
            raise RetentionKeyUnusable(f"{path}: others may read this key; chmod 600 {path}")
        stored = json.loads(path.read_bytes())
        secret = b64decode(stored["key"], validate=True)
        if stored["format"] != _FORMAT or len(secret) != _KEY_BYTES:
            raise ValueError
        return WrappingKey(str(stored["id"]), secret)
    except (OSError, ValueError, KeyError, TypeError):
        raise RetentionKeyUnusable(
            f"{path}: no key can be read from it; `endolink retained key FILE` makes one"
        ) from None


def _write(path: Path, key: WrappingKey) -> None:
    stored = {"format": _FORMAT, "id": key.id, "key": b64encode(key.secret).decode()}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(json.dumps(stored).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    sync_folder(path.parent)


def _overwrite(path: Path) -> None:
    # What a file system that copies, or a flash disk, makes of this is docs/security.md's to say.
    with path.open("rb+") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
