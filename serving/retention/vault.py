"""The folder of kept frames: an encrypted file each, and an index of their wrapped keys."""

import hashlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from endolink.model.errors import RetainedUnknown, RetentionUnavailable
from endolink.serving.retention.key_file import KeyFile, WrappingKey
from endolink.serving.retention.record import Deletion, KeptFrame, Reason, Signer

INDEX: Final = "index.sqlite"
FRAMES: Final = "frames"
_NONCE_BYTES: Final = 12
_BUSY_S: Final = 10
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS held (key_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS frames (
    id TEXT PRIMARY KEY, about BLOB NOT NULL, sealed TEXT NOT NULL, wrapped BLOB NOT NULL,
    expires INTEGER NOT NULL, size INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS deletions (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, key_id TEXT NOT NULL, signature BLOB NOT NULL
);
"""


@dataclass(frozen=True)
class Offer:
    """What is to be kept: what is known of a frame, and its bytes."""

    about: KeptFrame
    data: bytes = field(repr=False)


class Vault:
    """The folder at `folder`, whose frames' keys the key of `key_file` wraps.

    Several processes may use it at once: each change is one transaction of the index, and whoever
    finds that the key has changed reads it again. Raises RetentionUnavailable and
    RetentionKeyUnusable.
    """

    def __init__(self, folder: Path, key_file: KeyFile) -> None:
        self.folder = folder
        self._key_file = key_file
        self._key: WrappingKey | None = None

    @classmethod
    def open(cls, folder: Path, key: Path, *, create: bool = False) -> Self:
        """Open the vault, made if it is not there and `create` says so."""
        vault = cls(folder, KeyFile(key))
        if not create and not (folder / INDEX).is_file():
            raise RetentionUnavailable(f"{folder}: no frames are kept there")
        with _translated():
            (folder / FRAMES).mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(vault._connect()) as index:
                index.executescript(_SCHEMA)
        with vault._changing() as (index, key_held):
            # What a killed service has left: files whose key was never written, or is gone.
            known = {name for (name,) in index.execute("SELECT id FROM frames")}
            for path in (folder / FRAMES).iterdir():
                if path.stem not in known:
                    path.unlink(missing_ok=True)
            vault._key_file.settle(key_held.id)
        return vault

    def keep(self, offers: Sequence[Offer], note: Callable[[Sequence[KeptFrame]], None]) -> None:
        """Keep frames; `note` is told before they are, and what it raises keeps none."""
        written: list[str] = []
        try:
            with self._changing() as (index, key):
                for offer in offers:
                    self._write(index, key, offer)
                    written.append(offer.about.id)
                note([offer.about for offer in offers])
        except BaseException:
            for name in written:
                self._path(name).unlink(missing_ok=True)
            raise

    def frames(self) -> list[KeptFrame]:
        """List what is kept, in the order of their ids, which is that of time."""
        with self._reading() as index:
            rows = index.execute("SELECT about FROM frames ORDER BY id").fetchall()
        return [KeptFrame.from_bytes(about) for (about,) in rows]

    def deletions(self) -> list[Deletion]:
        """List the records of what was deleted."""
        with self._reading() as index:
            rows = index.execute("SELECT body, key_id, signature FROM deletions ORDER BY id")
            return [Deletion(*row) for row in rows.fetchall()]

    def held(self) -> int:
        """Count the bytes of the frames that are kept."""
        with self._reading() as index:
            (total,) = index.execute("SELECT COALESCE(SUM(size), 0) FROM frames").fetchone()
        return int(total)

    def read(self, name: str) -> tuple[KeptFrame, bytes]:
        """Give a frame and its bytes.

        Raises
        ------
        RetainedUnknown
            No such frame is kept.
        RetentionUnavailable
            It cannot be decrypted, or is not what was kept.
        """
        with self._reading() as index:
            row = _row(index, name)
            if row is None:
                raise RetainedUnknown(f"{name}: no such frame is kept")
            key = self._held_key(index)
        about, wrapped = row
        data = self._open(name, about, key.unwrap(wrapped))
        frame = KeptFrame.from_bytes(about)
        if data is None or hashlib.sha256(data).hexdigest() != frame.content:
            raise RetentionUnavailable(
                f"{name}: it cannot be read; the file, or its key, is another"
            )
        return frame, data

    def delete(self, names: Iterable[str], signer: Signer, reason: Reason) -> list[Deletion]:
        """Delete frames for good: their keys go, and with the old wrapping key every copy of them.

        Raises
        ------
        RetainedUnknown
            One is not kept; none is deleted.
        """
        return self._delete(lambda _: sorted(set(names)), signer, reason)

    def expire(self, signer: Signer, now: float | None = None) -> list[Deletion]:
        """Delete the frames whose time is over."""
        moment = int(time.time() if now is None else now)

        def due(index: sqlite3.Connection) -> list[str]:
            rows = index.execute("SELECT id FROM frames WHERE expires <= ? ORDER BY id", (moment,))
            return [name for (name,) in rows]

        with self._reading() as index:
            if not due(index):
                return []
        return self._delete(due, signer, "expired")

    def readable(self, name: str) -> bool:
        """Say whether a frame can be read with the key as it is now: what a proof asks."""
        with self._reading() as index:
            row = _row(index, name)
        if row is None:
            return False
        return self._open(name, row[0], self._key_file.read().unwrap(row[1])) is not None

    def files(self) -> dict[str, str]:
        """Give each file's digest by the frame's id."""
        return {
            path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.folder / FRAMES).iterdir())
        }

    def _delete(
        self, choose: Callable[[sqlite3.Connection], list[str]], signer: Signer, reason: Reason
    ) -> list[Deletion]:
        made: list[Deletion] = []
        at = int(time.time())
        with self._changing() as (index, old):
            self._key_file.settle(old.id)
            names = choose(index)
            for name in names:
                row = index.execute(
                    "SELECT about, sealed FROM frames WHERE id = ?", (name,)
                ).fetchone()
                if row is None:
                    raise RetainedUnknown(f"{name}: no such frame is kept")
                frame = KeptFrame.from_bytes(row[0])
                made.append(Deletion.of(frame, row[1], at, reason, signer))
            index.executemany("DELETE FROM frames WHERE id = ?", [(name,) for name in names])
            index.executemany(
                "INSERT INTO deletions VALUES (?, ?, ?, ?)",
                [
                    (name, each.body, each.key_id, each.signature)
                    for name, each in zip(names, made, strict=True)
                ],
            )
            new = self._key_file.stage()
            rewrapped = []
            for name, wrapped in index.execute("SELECT id, wrapped FROM frames").fetchall():
                if (key := old.unwrap(wrapped)) is None:
                    raise RetentionUnavailable(f"{name}: its key is not wrapped by the key file's")
                rewrapped.append((new.wrap(key), name))
            index.executemany("UPDATE frames SET wrapped = ? WHERE id = ?", rewrapped)
            index.execute("UPDATE held SET key_id = ?", (new.id,))
        # From here on the old key opens nothing that is left, and what is gone only it could open.
        with self._changing() as (_, held):
            self._key_file.settle(held.id)
        for name in names:
            self._path(name).unlink(missing_ok=True)
        return made

    def _write(self, index: sqlite3.Connection, key: WrappingKey, offer: Offer) -> None:
        own = secrets.token_bytes(32)
        about = offer.about.to_bytes()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(own).encrypt(nonce, offer.data, about)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(self._path(offer.about.id), flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
        index.execute(
            "INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?)",
            (
                offer.about.id,
                about,
                hashlib.sha256(sealed).hexdigest(),
                key.wrap(own),
                offer.about.expires,
                offer.about.size,
            ),
        )

    def _open(self, name: str, about: bytes, key: bytes | None) -> bytes | None:
        if key is None:
            return None
        try:
            sealed = self._path(name).read_bytes()
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (OSError, InvalidTag, ValueError):
            return None

    def _path(self, name: str) -> Path:
        return self.folder / FRAMES / f"{name}.frame"

    def _connect(self) -> sqlite3.Connection:
        index = sqlite3.connect(self.folder / INDEX, timeout=_BUSY_S, isolation_level=None)
        # What is deleted from the index is overwritten there, too.
        index.execute("PRAGMA secure_delete = ON")
        index.execute("PRAGMA journal_mode = TRUNCATE")
        return index

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _translated(), closing(self._connect()) as index:
            # One moment of it: a deletion in between changes the key.
            index.execute("BEGIN")
            yield index

    @contextmanager
    def _changing(self) -> Iterator[tuple[sqlite3.Connection, WrappingKey]]:
        """Give the index in a transaction of its own, and the key that holds in it."""
        with _translated(), closing(self._connect()) as index:
            index.execute("BEGIN IMMEDIATE")
            try:
                yield index, self._held_key(index)
            except BaseException:
                index.execute("ROLLBACK")
                raise
            index.execute("COMMIT")

    def _held_key(self, index: sqlite3.Connection) -> WrappingKey:
        row = index.execute("SELECT key_id FROM held").fetchone()
        if row is None:
            self._key = self._key_file.read()
            index.execute("INSERT INTO held VALUES (?)", (self._key.id,))
        elif self._key is None or self._key.id != row[0]:
            self._key = self._key_file.read(row[0])
        return self._key


def _row(index: sqlite3.Connection, name: str) -> tuple[bytes, bytes] | None:
    row: tuple[bytes, bytes] | None = index.execute(
        "SELECT about, wrapped FROM frames WHERE id = ?", (name,)
    ).fetchone()
    return row


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        # Neither quotes a value; a path is the site's own folder.
        said = getattr(error, "strerror", None) or str(error)
        raise RetentionUnavailable(f"the kept frames cannot be used: {said}") from error
