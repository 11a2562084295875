"""ZIP and TAR: their members are read one at a time, and nothing is ever unpacked into a folder."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, Final

from endolink.model.errors import (
    ContainerUnreadable,
    ContainerUnsafe,
    EndoLinkError,
    SourceMissing,
)
from endolink.model.frame import DEFAULT_LIMITS
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources.files import file_digest, natural_key
from endolink.serving.archive.sources.members import USTAR, Members, allowance, bomb, spooled

# A ZIP's directory is held in memory: this is room for some 200,000 members.
_MAX_DIRECTORY: Final = 16 * 2**20
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_XZ: Final = b"\xfd7zXZ"
_TAR_SUFFIXES: Final = (
    *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"),
)


class ZipContainer:
    """A ZIP file; every folder inside it that holds pictures is a study."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Take what begins as a ZIP does, an empty one too."""
        del path
        return head.startswith(_ZIP)

    def digest(self, place: str) -> str:
        """Digest the whole file."""
        return file_digest(Path(place))

    def pictures(
        self, place: str, digest: str | None, reading: Reading
    ) -> Iterator[Picture | Unread]:
        """Give the members in natural order."""
        del digest
        path = Path(place)
        try:
            with _open_zip(path) as container:
                yield from _zip_members(container, Members(path, reading))
        except EndoLinkError:
            raise
        # zipfile lets out BadZipFile, OSError, ValueError, struct.error, NotImplementedError and
        # UnicodeDecodeError; whatever it is, this file is at fault.
        except Exception as error:
            raise ContainerUnreadable("The ZIP file's directory cannot be read.") from error


class TarContainer:
    """A TAR file, plain or compressed by gzip, bzip2 or xz; studies are as in a ZIP."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Go by the magic, and by the name where the file is compressed or of the oldest kind."""
        return head[USTAR] == b"ustar" or path.name.lower().endswith(_TAR_SUFFIXES)

    def digest(self, place: str) -> str:
        """Digest the whole file."""
        return file_digest(Path(place))

    def pictures(
        self, place: str, digest: str | None, reading: Reading
    ) -> Iterator[Picture | Unread]:
        """Give the members in the order in which they lie."""
        del digest
        path = Path(place)
        try:
            with _open_tar(path, reading.limits.max_bytes) as (container, reached):
                yield from _tar_members(container, Members(path, reading), reached)
        except EndoLinkError:
            raise
        # tarfile and the decompressors let out TarError, OSError, EOFError, zlib.error, LZMAError,
        # ValueError; whatever it is, this file is at fault.
        except Exception as error:
            raise ContainerUnreadable(
                "The TAR file is damaged or cut short; what came before was read."
            ) from error


@contextmanager
def open_member(locator: Locator) -> Iterator[BinaryIO]:
    """Open one member of a container, whole and such that it can be sought in.

    Raises SourceMissing where there is none of that name.
    """
    path = Path(locator.place)
    name = locator.member or ""
    with suppress(KeyError, OSError, zipfile.BadZipFile, tarfile.TarError):
        with path.open("rb") as file:
            zipped = file.read(4) in _ZIP
        if zipped:
            with (
                _open_zip(path) as container,
                container.open(name) as member,
                spooled(b"", member, container.getinfo(name).file_size) as (spool, _),
            ):
                yield spool
                return
        with _open_tar(path, DEFAULT_LIMITS.max_bytes) as (packed, _):
            entry = packed.getmember(name)
            held = packed.extractfile(entry)
            if held is not None:
                with held, spooled(b"", held, entry.size) as (spool, _):
                    yield spool
                    return
    raise SourceMissing("The container is gone, or has no such member.")


@contextmanager
def _open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    with _Careful(path, _MAX_DIRECTORY) as file, zipfile.ZipFile(file) as container:
        yield container


@contextmanager
def _open_tar(path: Path, max_bytes: int) -> Iterator[tuple[tarfile.TarFile, Callable[[], float]]]:
    """Open a TAR file, with what says how much of it has been read, from 0 to 1."""
    # A member's bytes are read at once, and so are the headers that extend a member's own.
    longest = max_bytes + 2 * tarfile.BLOCKSIZE
    with (
        _Careful(path, max(longest, _MAX_DIRECTORY)) as raw,
        _Unpacked(raw, longest) as file,
        tarfile.open(fileobj=file, mode="r:") as container,
    ):
        yield container, lambda: raw.tell() / max(1, path.stat().st_size)


def _zip_members(container: zipfile.ZipFile, members: Members) -> Iterator[Picture | Unread]:
    entries = [entry for entry in container.infolist() if not entry.is_dir()]
    entries.sort(key=lambda entry: natural_key(entry.filename))
    total = max(1, sum(entry.compress_size for entry in entries))
    done = 0
    for entry in entries:
        start, done = done / total, done + entry.compress_size
        locator = members.admit(entry.filename, entry.file_size)
        if locator is None:
            continue
        try:
            members.check(entry.filename)
            if entry.flag_bits & 1:
                raise ContainerUnreadable("The member is encrypted; unpack it first.")
            pictures = _zip_pictures(container, entry, members, locator)
            yield from _placed(pictures, start, partial(float, done / total))
        except EndoLinkError as error:
            yield members.unread(locator, error)
    members.finish()


def _zip_pictures(
    container: zipfile.ZipFile, entry: zipfile.ZipInfo, members: Members, locator: Locator
) -> Iterator[Picture | Unread]:
    try:
        with container.open(entry) as file:
            yield from members.pictures(locator, file, entry.file_size)
    except EndoLinkError:
        raise
    # As above, and whatever its decompressors raise.
    except Exception as error:
        raise ContainerUnreadable("The member is damaged; pack it again.") from error


def _tar_members(
    container: tarfile.TarFile, members: Members, reached: Callable[[], float]
) -> Iterator[Picture | Unread]:
    while (entry := container.next()) is not None:
        # TarFile remembers every member; a long one would fill the memory.
        container.members.clear()  # type: ignore[attr-defined]
        if entry.isdir():
            continue
        locator = members.admit(entry.name, 0)
        if locator is None:
            continue
        try:
            members.check(entry.name)
            file = container.extractfile(entry) if entry.isreg() else None
            if file is None:
                raise ContainerUnsafe("The member is a link or a device, which is not followed.")
            pictures = members.pictures(locator, file, entry.size)
            yield from _placed(pictures, reached(), reached)
        except EndoLinkError as error:
            yield members.unread(locator, error)
    members.finish()


def _placed(
    pictures: Iterator[Picture | Unread], start: float, reached: Callable[[], float]
) -> Iterator[Picture | Unread]:
    """Say of a member's pictures how far into the container they lie, and not into the member.

    It begins at `start`, and `reached` says where it ends, once it has been read.
    """
    for picture in pictures:
        if isinstance(picture, Picture):
            within = (reached() - start) * (picture.share or 0.0)
            yield replace(picture, share=start + within)
        else:
            yield picture


class _Careful(io.FileIO):
    """A file of which nobody reads more than `longest` bytes at once, whatever a header told it."""

    def __init__(self, path: Path, longest: int) -> None:
        super().__init__(path)
        self._longest = longest

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = self._longest
        if size > self._longest:
            raise ContainerUnsafe("A header asks for more memory than any sound one.")
        return super().read(size) or b""


class _Unpacked(io.BufferedIOBase):
    """The bytes of a plain or compressed file, with the bounds of `_Careful` and of the ratio."""

    def __init__(self, raw: _Careful, longest: int) -> None:
        magic = raw.read(3)
        raw.seek(0)
        self._file: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile | _Careful = raw
        if magic.startswith(b"\x1f\x8b"):
            self._file = gzip.GzipFile(fileobj=raw)
        elif magic == b"BZh":
            self._file = bz2.BZ2File(raw)
        elif magic == _XZ[:3]:
            self._file = lzma.LZMAFile(raw)  # noqa: SIM115 - closed with the raw file
        self._longest = longest
        self._most = allowance(Path(str(raw.name)))

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= self._longest:
            raise ContainerUnsafe("A header asks for more memory than any sound one.")
        self._bound(self.tell() + size)
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            self._bound(offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _bound(self, position: int) -> None:
        if position > self._most:
            raise bomb()
