import fcntl
import hashlib
import io
import json
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from endolink.model.errors import ContainerUnsafe, DataError, DataLayout, DownloadFailed
from endolink.training import download as downloads
from endolink.training.datasets.catalogue import Publication, RemoteFile
from endolink.training.fetch import RECEIPT, fetch, list_files, read_receipt
from tests.training.conftest import Silent
from tests.training.site import Site, clinic_zip, serve


class Display(Silent):
    def bytes(self, what: str, total: int | None) -> Callable[[int], None]:
        return self.stage(what, total)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clinic_zip(tmp_path_factory.mktemp("clinic"))


@pytest.fixture
def site(clinic: bytes) -> Iterator[Site]:
    with serve(Site(files={"/frames.zip": clinic, "/groups.csv": b"file,group\n"})) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_LONGEST_WAIT", 0.0)


def _publication(site: Site, *files: RemoteFile, **more: object) -> Publication:
    return Publication(
        "clinic",
        "folder",
        "A clinic",
        "CC-BY-4.0",
        "Nobody et al.",
        site.url,
        files=files or (RemoteFile(f"{site.url}/frames.zip"), RemoteFile(f"{site.url}/groups.csv")),
        **more,  # type: ignore[arg-type] # by name
    )


def test_a_set_is_there_whole_or_not_at_all(site: Site, clinic: bytes, tmp_path: Path) -> None:
    """The connection drops in the middle, for good; the second command goes on and finishes."""
    site.drops = deque([len(clinic) // 2] + [0] * downloads.TRIES)
    folder = tmp_path / "data" / "clinic"
    with pytest.raises(DownloadFailed, match="Give the command again"):
        fetch(_publication(site), folder, Display())
    assert not folder.exists()
    site.asked.clear()
    display = Display()
    data = fetch(_publication(site), folder, display)
    assert site.asked[0] == ("/frames.zip", f"bytes={len(clinic) // 2}-")
    assert data.counts() == {"polyp": 3, "cecum": 3, "bbps-2-3": 3}
    assert all(sample.path.is_file() for sample in data.samples)
    assert [path.name for path in folder.parent.iterdir()] == ["clinic"]
    assert display.done["frames.zip"] == [0, len(clinic)]  # no total is published
    assert display.done["unpack frames.zip"] == [0, 9]


def test_a_receipt_says_what_it_was_made_of(site: Site, clinic: bytes, tmp_path: Path) -> None:
    fetch(_publication(site), tmp_path / "clinic", Display())
    receipt = read_receipt(tmp_path / "clinic")
    assert (receipt["adapter"], receipt["licence"]) == ("folder", "CC-BY-4.0")
    frames = receipt["files"][0]
    assert frames["sha256"] == hashlib.sha256(clinic).hexdigest()
    assert (frames["size"], frames["verified_by"]) == (len(clinic), None)
    display = Display()
    site.asked.clear()
    fetch(_publication(site), tmp_path / "clinic", display)
    assert site.asked == []
    assert "already" in display.lines[0]


def test_a_folder_with_something_else_in_it_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(DataError, match="is there and not empty"):
        fetch(_publication(site), tmp_path, Display())
    assert site.asked == []


def test_an_archive_that_is_not_the_set_is_not_put_in_place(site: Site, tmp_path: Path) -> None:
    publication = Publication(
        "clinic", "limuc", "t", "l", "c", site.url, files=(RemoteFile(f"{site.url}/frames.zip"),)
    )
    with pytest.raises(DataLayout, match="expected LIMUC's folders"):
        fetch(publication, tmp_path / "clinic", Display())
    assert not (tmp_path / "clinic").exists()


def test_files_that_are_here_already_are_checked_and_used(
    site: Site, clinic: bytes, tmp_path: Path
) -> None:
    given = tmp_path / "frames.zip"
    given.write_bytes(clinic)
    file = RemoteFile(f"{site.url}/frames.zip", sha256=hashlib.sha256(clinic).hexdigest())
    fetch(_publication(site, file), tmp_path / "one", Display(), archives=[given])
    assert site.asked == []
    assert given.is_file()
    given.write_bytes(clinic + b"more")
    with pytest.raises(DataError, match="its sha256 is"):
        fetch(_publication(site, file), tmp_path / "two", Display(), archives=[given])
    assert given.is_file()
    with pytest.raises(DataError, match="no such file"):
        fetch(_publication(site), tmp_path / "two", Display(), archives=[tmp_path / "x.zip"])


def test_an_archive_that_would_escape_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("polyp/1.jpg", b"")
        archive.writestr("../../../escaped.jpg", b"")
    site.files["/frames.zip"] = packed.getvalue()
    with pytest.raises(ContainerUnsafe):
        fetch(_publication(site), tmp_path / "a" / "b" / "clinic", Display())
    assert not list(tmp_path.rglob("escaped.jpg"))
    assert not (tmp_path / "a" / "b" / "clinic").exists()


def test_zenodos_record_lists_files_sizes_hashes_and_licence(site: Site) -> None:
    record = {
        "files": [
            {
                "key": name,
                "size": 5,
                "checksum": f"md5:{'a' * 32}",
                "links": {"self": f"{site.url}/{name}/content"},
            }
            for name in ("one.zip", "two.zip")
        ],
        "metadata": {"license": {"id": "cc-by-4.0"}},
    }
    site.files["/api/records/7"] = json.dumps(record).encode()
    publication = Publication(
        "z",
        "folder",
        "t",
        "l",
        "c",
        site.url,
        records=(f"{site.url}/api/records/7",),
        only=("two.zip",),
    )
    listing = list_files(publication)
    (file,) = listing.files
    assert (file.name, file.size, file.md5) == ("two.zip", 5, "a" * 32)
    assert file.url == f"{site.url}/two.zip/content"
    assert (listing.licence, listing.size) == ("cc-by-4.0", 5)


def _osf(site: Site, name: str, **about: object) -> dict[str, object]:
    return {
        "attributes": {"name": name, "kind": "file", "size": 3, **about},
        "links": {"download": f"{site.url}/download/{name}"},
        "relationships": {"files": {"links": {"related": {"href": f"{site.url}/in/{name}"}}}},
    }


def test_osfs_list_is_followed_into_folders_and_further_pages(site: Site) -> None:
    hashes = {"hashes": {"sha256": "b" * 64, "md5": "c" * 32}}
    pages = {
        "/v2/nodes/n/files": ([_osf(site, "a.zip", extra=hashes)], f"{site.url}/page2"),
        "/page2": ([_osf(site, "inner", kind="folder")], None),
        "/in/inner": ([_osf(site, "b.csv")], None),
    }
    for path, (items, following) in pages.items():
        page = {"data": items, "links": {"next": following}}
        site.files[path] = json.dumps(page).encode()
    publication = Publication(
        "o", "folder", "t", "l", "c", site.url, records=(f"{site.url}/v2/nodes/n/files",)
    )
    files = list_files(publication).files
    assert [(file.name, file.to) for file in files] == [("a.zip", "."), ("b.csv", "./inner")]
    assert (files[0].sha256, files[0].md5) == ("b" * 64, "c" * 32)


@pytest.mark.parametrize("name", ["../up.zip", "a/b.zip", "..", ""])
def test_a_record_may_not_name_a_file_into_another_folder(site: Site, name: str) -> None:
    site.files["/v2/nodes/n/files"] = json.dumps({"data": [_osf(site, name)]}).encode()
    publication = Publication(
        "o", "folder", "t", "l", "c", site.url, records=(f"{site.url}/v2/nodes/n/files",)
    )
    with pytest.raises(DownloadFailed, match="does not list its files as expected"):
        list_files(publication)


def test_without_room_nothing_is_begun(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RemoteFile(f"{site.url}/frames.zip", size=1 << 60)
    with pytest.raises(DataError, match="GB are needed"):
        fetch(_publication(site, file), tmp_path / "clinic", Display())
    assert site.asked == []


def test_two_fetches_do_not_write_into_one_folder(site: Site, tmp_path: Path) -> None:
    staging = tmp_path / "clinic.fetching"
    staging.mkdir()
    with (staging / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another fetch is filling"):
            fetch(_publication(site), tmp_path / "clinic", Display())
    fetch(_publication(site), tmp_path / "clinic", Display())


def test_a_folder_that_was_not_fetched_has_no_receipt(tmp_path: Path) -> None:
    assert read_receipt(tmp_path) == {}
    (tmp_path / RECEIPT).write_text("[]")
    assert read_receipt(tmp_path) == {}
