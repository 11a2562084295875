"""Archives that came from elsewhere: nothing escapes, nothing is linked, nothing grows for ever."""

import errno
import lzma
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Final

from endolink.model.errors import ContainerUnreadable, ContainerUnsafe, DataError

Progress = Callable[[int], None]

# An archive of pictures grows little; bitmaps in a ZIP about threefold.
_GROWTH: Final = 40
_LEAST: Final = 1 << 28  # bytes that any archive may make
_FILES: Final = 1_000_000
_DEEPEST: Final = 32  # folders
_CHUNK: Final = 1 << 20
_SUFFIXES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_CLUTTER: Final = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
_BROKEN: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,  # encrypted, or a way to compress that is not known
    ValueError,
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_archive(name: str) -> bool:
    """Say whether a file is unpacked, by its name."""
    return name.lower().endswith(_SUFFIXES)


def unpack(archive: Path, folder: Path, progress: Progress | None = None) -> int:
    """Unpack a ZIP or TAR into `folder`, and archives that lie in it into folders of their names.

    `progress` is told the files that are done. Returns how many files there are.

    Raises
    ------
    ContainerUnsafe
        A name leads outside, stands twice or is a link or a device, or there is far too much in it.
    ContainerUnreadable
        It is damaged, encrypted, or no archive.
    DataError
        There is no room.
    """
    return _Unpacking(archive, progress or (lambda _: None)).run(archive, folder, inner=True)


class _Unpacking:
    def __init__(self, archive: Path, progress: Progress) -> None:
        self._left = max(_LEAST, _GROWTH * archive.stat().st_size)
        self._files = 0
        self._progress = progress

    def run(self, archive: Path, folder: Path, *, inner: bool) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        made: list[Path] = []
        try:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as opened:
                    self._zip(opened, folder, made)
            else:
                with tarfile.open(archive, "r|*") as stream:
                    self._tar(stream, folder, made)
        except _BROKEN as error:
            if getattr(error, "errno", None) in _FULL:
                raise DataError(f"{folder}: no room is left to unpack {archive.name}") from error
            raise ContainerUnreadable(
                f"{archive.name} is damaged, encrypted, or neither a ZIP nor a TAR: "
                f"{type(error).__name__}"
            ) from error
        for path in made:
            if inner and is_archive(path.name):
                self._inner(path)
        return self._files

    def _inner(self, archive: Path) -> None:
        """Unpack an archive within an archive, which is then gone."""
        name = archive.name
        while is_archive(name):
            name = name.rpartition(".")[0]
        folder = archive.with_name(name)
        self._files -= 1
        self.run(archive, folder, inner=False)
        archive.unlink()
        # `angiectasia.tar.gz` may or may not hold a folder `angiectasia`.
        again = folder / name
        if again.is_dir() and len(list(folder.iterdir())) == 1:
            lifted = archive.with_name(f"{name}.lifted")
            again.rename(lifted)
            folder.rmdir()
            lifted.rename(folder)

    def _zip(self, opened: zipfile.ZipFile, folder: Path, made: list[Path]) -> None:
        for entry in opened.infolist():
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise ContainerUnsafe(f"{opened.filename}: a member is a link or a device")
            parts = self._parts(entry.filename)
            if parts is None or entry.is_dir():
                continue
            with opened.open(entry) as source:
                made.append(self._write(source, folder, parts))

    def _tar(self, opened: tarfile.TarFile, folder: Path, made: list[Path]) -> None:
        for member in opened:
            if not (member.isreg() or member.isdir()):
                raise ContainerUnsafe(f"{folder.name}: a member is a link or a device")
            parts = self._parts(member.name)
            if parts is None or member.isdir():
                continue
            source = opened.extractfile(member)
            if source is not None:
                with source:
                    made.append(self._write(source, folder, parts))

    def _parts(self, name: str) -> tuple[str, ...] | None:
        """Give a member's path in parts; None for what file managers leave behind."""
        path = PurePosixPath(unicodedata.normalize("NFC", name))
        parts = tuple(part for part in path.parts if part != ".")
        if (
            path.is_absolute()
            or ".." in parts
            or len(parts) > _DEEPEST
            or any(sign in name for sign in "\\\0:")
            or any(not part.isprintable() for part in parts)
        ):
            raise ContainerUnsafe("a member's name leads outside the folder, or is no plain name")
        if not parts or _CLUTTER & set(parts) or parts[-1].startswith("._"):
            return None
        return parts

    def _write(self, source: IO[bytes], folder: Path, parts: tuple[str, ...]) -> Path:
        self._files += 1
        if self._files > _FILES:
            raise ContainerUnsafe(f"the archive holds more than {_FILES:,} files")
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            opened = target.open("xb")
        except FileExistsError as error:
            raise ContainerUnsafe("two members of the archive have one name") from error
        with opened:
            while block := source.read(_CHUNK):
                self._left -= len(block)
                if self._left < 0:
                    raise ContainerUnsafe(
                        f"the archive unpacks to more than {_GROWTH} times its size"
                    )
                opened.write(block)
        self._progress(1)
        return target
