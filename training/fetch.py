"""A data set from its authors' site into a folder: resumed, checked, unpacked, and only then there.

PATH.fetching/downloads/    what has come so far; a second try goes on from it
PATH.fetching/set/          what has been unpacked
PATH/                       the data set, when everything is right
PATH/fetched.json           which files it was made of, under which terms
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from endolink.model.errors import DataError, DownloadFailed
from endolink.training.datasets import DataSet, open_data
from endolink.training.datasets.catalogue import Publication, RemoteFile
from endolink.training.download import check, download, get_json
from endolink.training.pairing import pair_outlines
from endolink.training.unpack import is_archive, unpack

if sys.platform != "win32":
    import fcntl

RECEIPT = "fetched.json"
_ROOM = 2.2  # an archive and what it unpacks to
_PAGES = 50  # of a record's list of files


class Display(Protocol):
    """Where a fetch tells how far it is."""

    def stage(self, what: str, total: int | None) -> Callable[[int], None]:
        """Begin to count files; `total` is None where nobody knows."""

    def bytes(self, what: str, total: int | None) -> Callable[[int], None]:
        """Begin to count bytes; `total` is None where nobody states it."""

    def say(self, text: str) -> None:
        """Print a line."""


@dataclass(frozen=True)
class Listing:
    """A publication's files, and the licence that its record states, if it has a record."""

    files: tuple[RemoteFile, ...]
    licence: str | None

    @property
    def size(self) -> int | None:
        """The bytes of all files; None where one is not known before it comes."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


def list_files(publication: Publication) -> Listing:
    """Ask the publication's records for their files, sizes and hashes.

    Raises
    ------
    DownloadFailed
        A record does not answer, or not as Zenodo and OSF do.
    """
    files, licence = list(publication.files), None
    for record in publication.records:
        try:
            if "/api/records/" in record:
                listed, licence = _zenodo(get_json(record))
            else:
                listed = _osf(record)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DownloadFailed(
                f"{record} does not list its files as expected; see {publication.home}"
            ) from error
        only = publication.only
        files += [file for file in listed if not only or file.name in only]
    return Listing(tuple(files), licence)


def fetch(
    publication: Publication,
    folder: Path,
    display: Display,
    *,
    archives: Sequence[Path] = (),
    listing: Listing | None = None,
    keep: bool = False,
) -> DataSet:
    """Fetch a data set into `folder`; `archives` are files of it that are here already.

    Raises
    ------
    DownloadFailed, DownloadMismatch
        A file did not come, or is another one. What came is kept for the next try.
    ContainerUnsafe, ContainerUnreadable
        An archive would do harm, or is damaged.
    DataError
        `folder` holds something else, another fetch fills it, or there is no room.
    DataLayout
        What was unpacked is not the data set.
    """
    if read_receipt(folder).get("name") == publication.name:
        display.say(f"{folder} holds {publication.title} already")
        return open_data(f"{publication.adapter}:{folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there and not empty; choose another --out")
    staging = folder.with_name(f"{folder.name}.fetching")
    with _alone(staging):
        if archives:
            files, sources = [_given(path, publication) for path in archives], list(archives)
        else:
            files = _listed(publication, listing, staging)
            sources = [_download(file, staging, publication, display) for file in files]
        tree = staging / "set"
        shutil.rmtree(tree, ignore_errors=True)
        for file, source in zip(files, sources, strict=True):
            _place(file, source, tree, display)
        if publication.adapter == "hyper-kvasir":
            paired = pair_outlines(tree, display.stage("find whose outlines they are", None))
            display.say(f"{paired:,} outlines belong to labelled images")
        data = open_data(f"{publication.adapter}:{tree}")
        _write_receipt(publication, files, sources, tree)
        if folder.exists():
            folder.rmdir()
        tree.replace(folder)
        if not keep:
            shutil.rmtree(staging, ignore_errors=True)
    display.say(f"{folder}: {len(data.samples):,} labelled frames, {len(data.findings)} findings")
    return open_data(f"{publication.adapter}:{folder}")


def read_receipt(folder: Path) -> dict[str, Any]:
    """Read what a fetch noted in its folder; empty where nothing was fetched."""
    try:
        receipt = json.loads((folder / RECEIPT).read_bytes())
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


@contextmanager
def _alone(staging: Path) -> Iterator[None]:
    """Hold the staging folder: two that write into one file would spoil it for both."""
    staging.mkdir(parents=True, exist_ok=True)
    with (staging / "lock").open("w") as lock:
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(
                    f"another fetch is filling {staging}; let it finish, or end it"
                ) from error
        yield


def _listed(publication: Publication, listing: Listing | None, staging: Path) -> list[RemoteFile]:
    listed = listing or list_files(publication)
    if not listed.files:
        raise DataError(publication.by_hand or f"{publication.name}: no file is listed")
    _need_room(staging, listed.size)
    return list(listed.files)


def _download(file: RemoteFile, staging: Path, publication: Publication, display: Display) -> Path:
    done = display.bytes(file.name, file.size)
    return download(file, staging / "downloads" / file.to, done, publication.home)


def _given(path: Path, publication: Publication) -> RemoteFile:
    """Say what a file that was downloaded by hand is, and hold it to what was published."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    for file in publication.files:
        if file.name == path.name:
            check(file, path)
            return file
    return RemoteFile(publication.home, file=path.name)


def _need_room(staging: Path, size: int | None) -> None:
    place = staging.parent
    free = shutil.disk_usage(place).free
    if size is not None and free < size * _ROOM:
        raise DataError(
            f"{place} has {free / 1e9:.1f} GB free, and {size * _ROOM / 1e9:.1f} GB are needed to "
            "download and unpack; choose another --out"
        )


def _place(file: RemoteFile, source: Path, tree: Path, display: Display) -> None:
    target = tree / file.to
    if is_archive(file.name):
        done = display.stage(f"unpack {file.name}", None)
        unpack(source, target, done)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / file.name)


def _write_receipt(
    publication: Publication, files: Sequence[RemoteFile], sources: Sequence[Path], tree: Path
) -> None:
    made_of = []
    for file, source in zip(files, sources, strict=True):
        with source.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        verified = "sha256" if file.sha256 else "md5" if file.md5 else "size" if file.size else None
        made_of.append(
            asdict(file)
            | {"size": source.stat().st_size, "sha256": digest, "verified_by": verified}
        )
    receipt = {
        "name": publication.name,
        "adapter": publication.adapter,
        "licence": publication.licence,
        "notice": publication.notice,
        "citation": publication.citation,
        "home": publication.home,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": made_of,
    }
    (tree / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")


def _zenodo(record: dict[str, Any]) -> tuple[list[RemoteFile], str | None]:
    """Read a record of Zenodo's API: its files with MD5, and its licence's name."""
    files = []
    for item in record["files"]:
        kind, _, digest = str(item["checksum"]).partition(":")
        files.append(
            RemoteFile(
                str(item["links"]["self"]),
                size=int(item["size"]),
                md5=digest if kind == "md5" else None,
                sha256=digest if kind == "sha256" else None,
                file=_plain(str(item["key"])),
            )
        )
    licence = record.get("metadata", {}).get("license") or {}
    return files, licence.get("id") if isinstance(licence, dict) else str(licence)


def _osf(url: str) -> list[RemoteFile]:
    """Read the list of a node's files of OSF's API, its folders and its further pages."""
    files: list[RemoteFile] = []
    ahead = [(url, ".")]
    for _ in range(_PAGES):
        if not ahead:
            break
        page, to = ahead.pop()
        if urlsplit(page).netloc != urlsplit(url).netloc:
            raise ValueError("a page of the list lies elsewhere")
        answer = get_json(page)
        if following := answer.get("links", {}).get("next"):
            ahead.append((str(following), to))
        for item in answer["data"]:
            about = item["attributes"]
            name = _plain(str(about["name"]))
            if about["kind"] == "folder":
                inner = item["relationships"]["files"]["links"]["related"]["href"]
                ahead.append((str(inner), f"{to}/{name}"))
                continue
            hashes = about.get("extra", {}).get("hashes", {})
            files.append(
                RemoteFile(
                    str(item["links"]["download"]),
                    to=to,
                    size=about.get("size"),
                    sha256=hashes.get("sha256"),
                    md5=hashes.get("md5"),
                    file=name,
                )
            )
    return files


def _plain(name: str) -> str:
    if not name.isprintable() or name in {"", ".", ".."} or set(name) & set("/\\:"):
        raise ValueError("a file of the record has no plain name")
    return name
