"""ZIP and TAR: their pictures are read in memory, one at a time, and nothing is ever unpacked.

What a hostile file may do is bounded before it is done: the directory, the number of members, the
bytes of each, and how much more all of them are than the file itself.
"""

import bz2
import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from endolink.model.errors import (
    ContainerNested,
    ContainerUnreadable,
    ContainerUnsafe,
    EndoLinkError,
    FrameTooLarge,
)
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources.files import file_digest, natural_key

# A ZIP's directory is held in memory: this is room for some 200,000 members.
_MAX_DIRECTORY: Final = 16 * 2**20
_MAX_MEMBERS: Final = 250_000
# Pictures hardly shrink; even uncompressed ones, black all around, do not shrink so far.
_MAX_RATIO: Final = 100
# What any file may unpack to, however small it is.
_FREE_BYTES: Final = 64 * 2**20

_NESTED: Final = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf\x27", b"Rar!")
_TAR_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz")
_USTAR: Final = slice(257, 262)


class ZipContainer:
    """A ZIP file; every folder inside it that holds pictures is a study."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Take what begins as a ZIP does, an empty one too."""
        del path
        return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))

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
            with _Careful(path, _MAX_DIRECTORY) as file, zipfile.ZipFile(file) as container:
                yield from _zip_members(container, _Members(path, reading))
        except EndoLinkError:
            raise
        # zipfile lets out BadZipFile, OSError, ValueError, struct.error, NotImplementedError and
        # UnicodeDecodeError; whatever it is, this file is at fault.
        except Exception as error:
            raise ContainerUnreadable("The ZIP file's directory cannot be read.") from error


class TarContainer:
    """A TAR file, plain or compressed by gzip or bzip2; studies are as in a ZIP."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Go by the magic, and by the name where the file is compressed or of the oldest kind."""
        return head[_USTAR] == b"ustar" or path.name.lower().endswith(_TAR_SUFFIXES)

    def digest(self, place: str) -> str:
        """Digest the whole file."""
        return file_digest(Path(place))

    def pictures(
        self, place: str, digest: str | None, reading: Reading
    ) -> Iterator[Picture | Unread]:
        """Give the members in the order in which they lie."""
        del digest
        path = Path(place)
        # A member's bytes are read at once, and so are the headers that extend a member's own.
        longest = reading.limits.max_bytes + 2 * tarfile.BLOCKSIZE
        try:
            with (
                _Careful(path, max(longest, _MAX_DIRECTORY)) as raw,
                _Unpacked(raw, longest) as file,
                tarfile.open(fileobj=file, mode="r:") as container,
            ):
                yield from _tar_members(container, _Members(path, reading))
        except EndoLinkError:
            raise
        # tarfile and the decompressors let out TarError, OSError, EOFError, zlib.error, ValueError;
        # whatever it is, this file is at fault.
        except Exception as error:
            raise ContainerUnreadable(
                "The TAR file is damaged or cut short; what came before was read."
            ) from error


def _zip_members(container: zipfile.ZipFile, members: "_Members") -> Iterator[Picture | Unread]:
    entries = [entry for entry in container.infolist() if not entry.is_dir()]
    entries.sort(key=lambda entry: natural_key(entry.filename))
    for entry in entries:
        locator = members.admit(entry.filename, entry.file_size)
        if locator is None:
            continue
        try:
            members.check(entry.filename)
            if entry.flag_bits & 1:
                raise ContainerUnreadable("The member is encrypted; unpack it first.")
            data = _zip_read(container, entry, members)
            yield members.picture(locator, data)
        except EndoLinkError as error:
            yield members.unread(locator, error)


def _zip_read(container: zipfile.ZipFile, entry: zipfile.ZipInfo, members: "_Members") -> bytes:
    try:
        with container.open(entry) as file:
            return members.read(file, entry.file_size)
    except EndoLinkError:
        raise
    # As above, and whatever its decompressors raise.
    except Exception as error:
        raise ContainerUnreadable("The member is damaged; pack it again.") from error


def _tar_members(container: tarfile.TarFile, members: "_Members") -> Iterator[Picture | Unread]:
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
            yield members.picture(locator, members.read(file, entry.size))
        except EndoLinkError as error:
            yield members.unread(locator, error)


class _Members:
    """What holds for the members of either kind of container, and what was met of them."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.path = path
        self.reading = reading
        self.left = _allowance(path)
        self.names: dict[str, int] = {}
        self.count = 0

    def admit(self, name: str, size: int) -> Locator | None:
        """Give a member its locator; None where it is hidden, or another one is wanted."""
        self.count += 1
        self.left -= size
        if self.count > _MAX_MEMBERS:
            raise ContainerUnsafe(f"More than {_MAX_MEMBERS:,} members; split the container.")
        if self.left < 0:
            raise _bomb()
        if any(part.startswith((".", "__MACOSX")) and part != ".." for part in _parts(name)):
            return None
        # A name may come twice; both are read.
        times = self.names.get(name, 0)
        self.names[name] = times + 1
        locator = Locator(str(self.path), name, times or None)
        only = self.reading.only
        return locator if only is None or locator in only else None

    def check(self, name: str) -> None:
        if name.startswith(("/", "\\")) or ".." in _parts(name) or re.match("[A-Za-z]:", name):
            raise ContainerUnsafe("The member's name leads out of the container.")

    def read(self, file: IO[bytes], size: int) -> bytes:
        most = self.reading.limits.max_bytes
        if size > most:
            raise FrameTooLarge(f"The member has more than the {most:,} bytes that are read.")
        data = file.read(most + 1)
        if len(data) > most:
            raise FrameTooLarge(f"The member has more than the {most:,} bytes that are read.")
        if len(data) != size:
            raise ContainerUnreadable("The member is not as long as the container says.")
        if data.startswith(_NESTED) or data[_USTAR] == b"ustar":
            raise ContainerNested("The member is itself a container; unpack it first.")
        return data

    def picture(self, locator: Locator, data: bytes) -> Picture:
        suffix = PurePosixPath(locator.member or "").suffix
        return Picture(locator, self._study(locator), lambda: data, declared=suffix or None)

    def unread(self, locator: Locator, error: EndoLinkError) -> Unread:
        return Unread(locator, self._study(locator), error)

    def _study(self, locator: Locator) -> str:
        *folders, _ = _parts(locator.member or "") or [""]
        return str(self.path) if not folders else f"{self.path}!{'/'.join(folders)}"


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
        self._file: IO[bytes] | gzip.GzipFile | bz2.BZ2File | _Careful = raw
        if magic.startswith(b"\x1f\x8b"):
            self._file = gzip.GzipFile(fileobj=raw)
        elif magic == b"BZh":
            self._file = bz2.BZ2File(raw)
        self._longest = longest
        self._most = _allowance(Path(str(raw.name)))

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
            raise _bomb()


def _allowance(path: Path) -> int:
    return path.stat().st_size * _MAX_RATIO + _FREE_BYTES


def _bomb() -> ContainerUnsafe:
    return ContainerUnsafe(
        f"It unpacks to more than {_MAX_RATIO} times its size, as a bomb does; if it is sound, "
        "unpack it first."
    )


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", name) if part not in {"", "."}]
