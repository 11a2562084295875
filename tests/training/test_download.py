import hashlib
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request

import numpy as np
import pytest

from endolink.model.errors import DownloadFailed, DownloadMismatch
from endolink.training import download as downloads
from endolink.training.datasets.catalogue import RemoteFile
from endolink.training.download import download, get_json
from tests.training.site import Site, serve

BODY = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site(files={"/set.zip": BODY})) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_LONGEST_WAIT", 0.0)


class _Count:
    def __init__(self) -> None:
        self.total = 0

    def __call__(self, count: int) -> None:
        self.total += count


def _file(site: Site, **known: object) -> RemoteFile:
    return RemoteFile(f"{site.url}/set.zip", **known)  # type: ignore[arg-type] # by name


def test_a_dropped_connection_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.drops = deque([100_000, 50_000])
    done = _Count()
    path = download(_file(site, size=len(BODY), sha256=SHA256), tmp_path, done)
    assert path.read_bytes() == BODY
    assert [span for _, span in site.asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert done.total == len(BODY)
    assert [item.name for item in tmp_path.iterdir()] == ["set.zip"]


def test_a_second_command_goes_on_with_what_the_first_left(site: Site, tmp_path: Path) -> None:
    site.drops = deque([120_000] + [0] * downloads.TRIES)
    with pytest.raises(DownloadFailed, match=r"stopped at 120,000 bytes of 300,000.*goes on"):
        download(_file(site), tmp_path, _Count())
    assert not (tmp_path / "set.zip").exists()
    site.asked.clear()
    done = _Count()
    assert download(_file(site), tmp_path, done).read_bytes() == BODY
    assert site.asked == [("/set.zip", "bytes=120000-")]
    assert done.total == len(BODY)
    site.asked.clear()
    assert download(_file(site), tmp_path, _Count()).read_bytes() == BODY
    assert site.asked == []


def test_a_file_that_changed_meanwhile_is_never_stitched(site: Site, tmp_path: Path) -> None:
    site.drops = deque([100_000] + [0] * downloads.TRIES)
    with pytest.raises(DownloadFailed):
        download(_file(site), tmp_path, _Count())
    site.files["/set.zip"], site.tag = BODY[::-1], '"v2"'
    done = _Count()
    assert download(_file(site), tmp_path, done).read_bytes() == BODY[::-1]
    assert done.total == len(BODY)


def test_a_server_without_ranges_is_asked_from_the_start(site: Site, tmp_path: Path) -> None:
    site.ranges, site.drops = False, deque([100_000])
    assert download(_file(site), tmp_path, _Count()).read_bytes() == BODY
    assert len(site.asked) == 2


def test_without_a_stated_size_the_end_is_the_end(site: Site, tmp_path: Path) -> None:
    site.sized = False
    assert download(_file(site), tmp_path, _Count()).read_bytes() == BODY


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"sha256": "0" * 64}, "its sha256 is .* was published"),
        ({"md5": "0" * 32}, "its md5 is"),
        ({"size": 300_001}, "the server has 300,000 bytes, and 300,001 were published"),
    ],
)
def test_another_file_than_was_published_is_refused(
    site: Site, tmp_path: Path, known: dict[str, object], reason: str
) -> None:
    with pytest.raises(DownloadMismatch, match=reason):
        download(_file(site, **known), tmp_path, _Count())
    assert not (tmp_path / "set.zip").exists()
    assert not (tmp_path / "set.zip.part").exists()


def test_more_bytes_than_were_published_are_not_taken(site: Site, tmp_path: Path) -> None:
    site.sized = False
    with pytest.raises(DownloadMismatch, match="more than its 1,000 bytes are sent"):
        download(_file(site, size=1000), tmp_path, _Count())


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(site: Site, tmp_path: Path) -> None:
    site.refusals = deque([503, 429])
    assert download(_file(site), tmp_path, _Count()).read_bytes() == BODY
    assert len(site.asked) == 3
    with pytest.raises(DownloadFailed, match=r"answered 404 .* --archive"):
        download(RemoteFile(f"{site.url}/gone.zip"), tmp_path, _Count())
    assert len(site.asked) == 4


def test_redirects_are_followed_with_the_range_but_never_to_another_protocol(
    site: Site, tmp_path: Path
) -> None:
    site.redirects = {"/old.zip": f"{site.url}/set.zip", "/bad.zip": "file:///etc/passwd"}
    site.drops = deque([1000])
    old = RemoteFile(f"{site.url}/old.zip")
    assert download(old, tmp_path, _Count()).read_bytes() == BODY
    assert ("/set.zip", "bytes=1000-") in site.asked
    with pytest.raises(DownloadFailed, match="is not allowed"):
        download(RemoteFile(f"{site.url}/bad.zip"), tmp_path, _Count())


def test_an_encrypted_connection_is_never_left() -> None:
    handler = downloads._Redirects()
    request = Request("https://site.example/set.zip")
    with pytest.raises(DownloadFailed, match=r"site\.example redirects to an unsafe address"):
        handler.redirect_request(request, None, 302, "", {}, "http://site.example/set.zip")


def test_json_is_asked_for_and_anything_else_refused(site: Site) -> None:
    site.files["/record"] = json.dumps({"a": 1}).encode()
    assert get_json(f"{site.url}/record") == {"a": 1}
    with pytest.raises(DownloadFailed, match="did not answer with JSON"):
        get_json(f"{site.url}/set.zip", most=1000)


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with serve(Site()) as gone:
        url = gone.url
    with pytest.raises(DownloadFailed, match="does not answer"):
        get_json(f"{url}/record")
