import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endolink import sample_data
from endolink.model.errors import SourceError
from endolink.model.frame import Limits
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources import fetch, find, members
from tests.serving.service import picture

Pack = Callable[[Path, dict[str, bytes]], Path]


def pack_zip(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "pictures.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def pack_tar(folder: Path, members: dict[str, bytes], suffix: str = "tar") -> Path:
    path = folder / f"pictures.{suffix}"
    modes: dict[str, Literal["w:", "w:gz", "w:bz2", "w:xz"]]
    modes = {"tar": "w:", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
    with tarfile.open(path, modes[suffix]) as file:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


def pack_tgz(folder: Path, members: dict[str, bytes]) -> Path:
    return pack_tar(folder, members, "tar.gz")


def pack_tbz(folder: Path, members: dict[str, bytes]) -> Path:
    return pack_tar(folder, members, "tar.bz2")


def pack_txz(folder: Path, members: dict[str, bytes]) -> Path:
    return pack_tar(folder, members, "tar.xz")


PACKS = [pack_zip, pack_tar, pack_tgz, pack_tbz, pack_txz]


def read(path: Path, reading: Reading | None = None) -> list[Picture | Unread]:
    (stored,) = find([str(path)])
    return list(stored.pictures(reading or Reading()))


def codes(met: list[Picture | Unread]) -> dict[str | None, str]:
    return {m.locator.member: m.error.code for m in met if isinstance(m, Unread)}


@pytest.mark.parametrize("pack", PACKS)
def test_each_folder_inside_is_a_study(pack: Pack, tmp_path: Path) -> None:
    members = {"a/2.jpg": b"two", "a/10.jpg": b"ten", "b/x.png": b"x", "top.jpg": b"top"}
    path = pack(tmp_path, members | {".DS_Store": b"", "__MACOSX/a/._2.jpg": b""})
    met = read(path)
    assert {m.locator.member: m.load() for m in met if isinstance(m, Picture)} == members
    assert {m.study for m in met} == {str(path), f"{path}!a", f"{path}!b"}
    assert codes(met) == {}
    wanted = Locator(str(path), "a/10.jpg")
    assert list(fetch({wanted: None}, Reading())) == [(wanted, b"ten")]


@pytest.mark.parametrize("pack", PACKS)
def test_a_container_is_not_one_step(pack: Pack, tmp_path: Path) -> None:
    # Larger than what is read at once, so that it shows how far into the file each lies.
    noise = np.random.default_rng(0).bytes
    path = pack(tmp_path, {f"{number}.jpg": noise(2**19) for number in range(8)})
    shares = [one.share for one in read(path) if isinstance(one, Picture) and one.share is not None]
    assert len(shares) == 8
    # bzip2 is read in blocks of 900 kB.
    assert all(0 <= step < 0.3 for step in np.diff([0, *shares, 1]))
    assert len(set(shares)) > 4


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_nor_is_a_film_in_one(pack: Pack, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="video needs the archive extra")
    film = sample_data.clip().read_bytes()
    path = pack(tmp_path, {"1.webm": film, "2.webm": film + b"another"})
    met = [one for one in read(path, Reading(every_s=0.5)) if isinstance(one, Picture)]
    shares = [one.share or 0.0 for one in met]
    assert shares == sorted(shares)
    (half,) = {sum(one.locator.member == name for one in met) for name in ("1.webm", "2.webm")}
    assert all(0 <= step < 0.2 for step in np.diff([0, *shares, 1]))
    assert shares[half] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("pack", PACKS)
def test_what_is_unsafe_is_told_and_the_rest_goes_on(pack: Pack, tmp_path: Path) -> None:
    inner = pack_zip(tmp_path, {"in.jpg": b"in"}).read_bytes()
    names = ["../up.jpg", "/abs.jpg", "a/../../b.jpg", "C:\\x.jpg", "..\\y.jpg"]
    others = {"nested.zip": inner, "long.jpg": b"x" * 2000, "z.jpg": b"z"}
    path = pack(tmp_path, dict.fromkeys(names, b"evil") | others)
    met = read(path, Reading(limits=Limits(max_bytes=1500)))
    assert codes(met) == dict.fromkeys(names, "container-unsafe") | {
        "nested.zip": "container-nested",
        "long.jpg": "frame-too-large",
    }
    assert [m.load() for m in met if isinstance(m, Picture)] == [b"z"]
    assert list(tmp_path.parent.glob("*.jpg")) == []


def test_links_and_devices_in_a_tar_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as file:
        kinds = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "p": tarfile.FIFOTYPE}
        for name, kind in kinds.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            file.addfile(entry)
    assert codes(read(path)) == dict.fromkeys(("link", "hard", "p"), "container-unsafe")


@pytest.mark.parametrize("pack", [pack_zip, pack_tgz, pack_tbz, pack_txz])
def test_a_bomb_is_left_alone(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_FREE_BYTES", 2**20)
    path = pack(tmp_path, {f"{n}.jpg": bytes(2**20) for n in range(20)})
    assert path.stat().st_size < 60_000
    met = read(path)
    assert isinstance(met[-1], Unread)
    assert met[-1].error.code == "container-unsafe"
    assert len(met) < 10


def test_a_header_that_asks_for_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.tar"
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 2**40
    path.write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    (met,) = read(path)
    assert isinstance(met, Unread)
    assert met.error.code == "container-unsafe"


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_MAX_MEMBERS", 3)
    for pack in (pack_zip, pack_tar):
        *_, last = read(pack(tmp_path, {f"{n}.jpg": b"x" for n in range(5)}))
        assert isinstance(last, Unread)
        assert last.error.code == "container-unsafe"


def test_an_encrypted_member_is_told(tmp_path: Path) -> None:
    path = pack_zip(tmp_path, {"a.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert codes(read(path)) == {"a.jpg": "container-unreadable"}


def test_a_name_that_comes_twice_is_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "twice.tar"
    with tarfile.open(path, "w") as file:
        for data in (b"one", b"two"):
            entry = tarfile.TarInfo("a.jpg")
            entry.size = 3
            file.addfile(entry, io.BytesIO(data))
    met = read(path)
    assert len({m.locator for m in met}) == 2
    assert [m.load() for m in met if isinstance(m, Picture)] == [b"one", b"two"]


@pytest.mark.parametrize("pack", PACKS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_never_raises(pack: Pack, tmp_path: Path, data: st.DataObject) -> None:
    members = {f"{n}.jpg": picture("JPEG", (40, 40)) for n in range(4)}
    path = pack(tmp_path, members)
    blob = bytearray(path.read_bytes())
    kind = data.draw(st.sampled_from(["cut", "flip", "zero"]))
    at = data.draw(st.integers(0, len(blob) - 1))
    if kind == "cut":
        del blob[max(at, 4) :]
    elif kind == "flip":
        blob[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        blob[at : at + 600] = bytes(len(blob[at : at + 600]))
    path.write_bytes(blob)
    for met in read(path):
        if isinstance(met, Unread):
            assert isinstance(met.error, SourceError) or met.error.code.startswith("frame-")
        else:
            met.load()
