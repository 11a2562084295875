"""API keys: made, kept as hashes in one file, revoked, and recognised.

A key is `endolink_ID_SECRET`. Its secret has 256 random bits, so that one round of SHA-256 keeps it
as safe as a slow hash keeps a password: there is nothing to guess. The file is read again when it
has changed, and a key is replaced without a pause: make another, hand it out, revoke the first.
"""

import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from endolink.model.errors import KeysUnusable
from endolink.serving.access.principal import SCOPES, Principal, Scope

_KEY: Final = re.compile(r"endolink_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_MOST_BYTES: Final = 16 * 2**20
# How long a revoked key may still be good for: the file's time is looked at this often.
LOOK_AGAIN_S: Final = 1.0


class Key(BaseModel):
    """What is kept of a key: times in seconds since 1970, and the secret's SHA-256 in hex."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    name: str = Field(min_length=1, max_length=100)
    scopes: frozenset[Scope] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: float
    expires: float | None = None
    revoked: float | None = None

    def good(self, now: float) -> bool:
        """Say whether it is neither expired nor revoked."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    @property
    def principal(self) -> Principal:
        """Who has this key."""
        return Principal(f"key:{self.id}:{self.name}", self.scopes, self.expires)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(1, ge=1, le=1)
    keys: tuple[Key, ...] = ()


_SCOPES: Final[TypeAdapter[frozenset[Scope]]] = TypeAdapter(frozenset[Scope])
# What an unknown key is compared with, so that it takes as long as a known one.
_NOBODY: Final = "0" * 64


@dataclass(frozen=True)
class _Look:
    stamp: tuple[int, int, int] | None
    at: float
    keys: dict[str, Key]


class KeyRing:
    """The keys of one file; may be used by any thread."""

    waits: ClassVar[bool] = False

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._look = _Look(None, float("-inf"), {})

    def recognise(self, text: str) -> Principal | None:
        """Give who has the key `text`; None for whatever is wrong with it.

        Raises
        ------
        KeysUnusable
            The file cannot be read.
        """
        matched = _KEY.fullmatch(text)
        key_id, secret = matched.groups() if matched else ("", text)
        key = self._known().get(key_id)
        if matched and key is None:
            # One that was made a moment ago is good at once.
            key = self._known(anew=True).get(key_id)
        given = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        same = hmac.compare_digest(given, key.sha256 if key else _NOBODY)
        return key.principal if key and same and key.good(self._clock()) else None

    def listed(self) -> tuple[Key, ...]:
        """Give all keys, oldest first; no secret is among that.

        Raises
        ------
        KeysUnusable
            The file cannot be read.
        """
        return _read(self.path)

    def create(
        self, name: str, scopes: Iterable[str], *, days: float | None = None
    ) -> tuple[Key, str]:
        """Make a key; its text is given once, here, and kept nowhere.

        Raises
        ------
        KeysUnusable
            The file cannot be read or written, or the name or scopes are no good.
        """
        now = self._clock()
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        try:
            key = Key(
                id=key_id,
                name=name,
                scopes=_SCOPES.validate_python(scopes),
                sha256=hashlib.sha256(secret.encode()).hexdigest(),
                created=now,
                expires=None if days is None else now + days * 86_400,
            )
        except ValidationError as error:
            raise KeysUnusable(
                "a key needs a name of 1 to 100 letters, and at least one scope of "
                f"{', '.join(SCOPES)}"
            ) from error
        with self._lock:
            self._write((*_read(self.path), key))
        return key, f"endolink_{key_id}_{secret}"

    def revoke(self, key_id: str) -> Key:
        """Let a key be good for nothing from now on; running services see it within a second.

        Raises
        ------
        KeysUnusable
            There is no such key, or the file cannot be written.
        """
        with self._lock:
            keys = _read(self.path)
            found = next((key for key in keys if key.id == key_id), None)
            if found is None:
                raise KeysUnusable(f"there is no key {key_id}; `endolink key list` has them")
            revoked = found.model_copy(update={"revoked": found.revoked or self._clock()})
            self._write(tuple(revoked if key.id == key_id else key for key in keys))
        return revoked

    def _known(self, *, anew: bool = False) -> dict[str, Key]:
        now = time.monotonic()
        if now - self._look.at < LOOK_AGAIN_S and not anew:
            return self._look.keys
        with self._lock:
            stamp = _stamp(self.path)
            if stamp != self._look.stamp or self._look.stamp is None:
                keys = {key.id: key for key in _read(self.path)}
                self._look = _Look(stamp, now, keys)
            else:
                self._look = replace(self._look, at=now)
        return self._look.keys

    def _write(self, keys: tuple[Key, ...]) -> None:
        """Replace the file as a whole, for its owner's eyes only."""
        unfinished = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(_File(keys=keys).model_dump_json(indent=1))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise KeysUnusable(f"{self.path}: cannot be written: {error.strerror}") from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> tuple[Key, ...]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise KeysUnusable(f"{path}: too large for a file of keys")
        return _File.model_validate_json(path.read_bytes()).keys
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeysUnusable(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise KeysUnusable(
            f"{path}: not a file of keys; `endolink key create` makes one"
        ) from error
