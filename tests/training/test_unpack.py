import io
import stat
import tarfile
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endolink.model.errors import ContainerUnreadable, ContainerUnsafe
from endolink.training import unpack as unpacking
from endolink.training.unpack import unpack

Members = dict[str, bytes]


def _zip(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def _tar(path: Path, members: Members, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload] # a mode by name
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def _files(folder: Path) -> Members:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


GOOD = {"set/polyp/img- (1).png": b"one", "set/cecum/2.png": b"two"}


@pytest.mark.parametrize(
    ("make", "name"), [(_zip, "a.zip"), (_tar, "a.tar.gz"), (_tar, "misnamed.zip")]
)
def test_archives_are_unpacked_by_what_they_are(tmp_path: Path, make: object, name: str) -> None:
    archive = make(tmp_path / name, GOOD)  # type: ignore[operator] # _zip or _tar
    seen: list[int] = []
    assert unpack(archive, tmp_path / "out", seen.append) == 2
    assert _files(tmp_path / "out") == GOOD
    assert sum(seen) == 2


@pytest.mark.parametrize("make", [_zip, _tar])
@pytest.mark.parametrize(
    "name",
    [
        "../escaped.png",
        "set/../../escaped.png",
        "/etc/escaped.png",
        "..\\escaped.png",
        "C:\\escaped.png",
        "C:escaped.png",
        "a\nb.png",
        "/".join("d" * 40) + "/deep.png",
    ],
)
def test_no_name_leads_outside(tmp_path: Path, make: object, name: str) -> None:
    archive = make(tmp_path / "a.zip", {"set/fine.png": b"", name: b"evil"})  # type: ignore[operator]
    with pytest.raises(ContainerUnsafe):
        unpack(archive, tmp_path / "in" / "out")
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_tar_may_not_link(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("set")
        info.type, info.linkname = kind, "/etc"
        archive.addfile(info)
    with pytest.raises(ContainerUnsafe, match="link or a device"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


def test_a_zip_may_not_link(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("set")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc")
    with pytest.raises(ContainerUnsafe, match="link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


_NAMES = st.text(st.sampled_from("ab./\\\\:~\\0é"), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(_NAMES, min_size=1, max_size=4), st.booleans())
def test_whatever_the_names_all_that_is_written_is_inside(names: list[str], tar: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # zipfile says that a name is there twice
            make = _tar if tar else _zip
            archive = make(root / "a.archive", dict.fromkeys(names, b"data"))
        try:
            made = unpack(archive, root / "in" / "out")
        except (ContainerUnsafe, ContainerUnreadable):
            made = None
        outside = {path for path in root.rglob("*") if path.is_file()} - {archive}
        inside = {path for path in (root / "in" / "out").rglob("*") if path.is_file()}
        assert outside == inside
        assert made is None or made == len(inside)


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    archive = _tar(tmp_path / "a.tar", {"a/1.png": b"1", "./a/1.png": b"2"}, "w")
    with pytest.raises(ContainerUnsafe, match="two members"):
        unpack(archive, tmp_path / "out")


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_LEAST", 1 << 20)
    archive = _zip(tmp_path / "a.zip", {"zeros": bytes(64 << 20)})
    with pytest.raises(ContainerUnsafe, match="more than 40 times its size"):
        unpack(archive, tmp_path / "out")
    assert sum(len(data) for data in _files(tmp_path / "out").values()) <= 3 << 20
    monkeypatch.setattr(unpacking, "_FILES", 3)
    many = _zip(tmp_path / "b.zip", {f"{n}.png": b"" for n in range(4)})
    with pytest.raises(ContainerUnsafe, match="more than 3 files"):
        unpack(many, tmp_path / "many")


@pytest.mark.parametrize("inside", ["", "angiectasia/"])
def test_archives_within_are_unpacked_into_folders_of_their_names(
    tmp_path: Path, inside: str
) -> None:
    inner = _tar(tmp_path / "inner.tar.gz", {f"{inside}1.jpg": b"one"}).read_bytes()
    archive = _zip(tmp_path / "a.zip", {"labelled_images/angiectasia.tar.gz": inner})
    assert unpack(archive, tmp_path / "out") == 1
    assert _files(tmp_path / "out") == {"labelled_images/angiectasia/1.jpg": b"one"}


def test_an_archive_within_may_not_escape_either(tmp_path: Path) -> None:
    inner = _tar(tmp_path / "inner.tar.gz", {"../../escaped.jpg": b"evil"}).read_bytes()
    archive = _zip(tmp_path / "a.zip", {"polyp.tar.gz": inner})
    with pytest.raises(ContainerUnsafe):
        unpack(archive, tmp_path / "out")
    assert not list(tmp_path.rglob("*escaped*"))


def test_what_file_managers_leave_is_left_out(tmp_path: Path) -> None:
    clutter = {"__MACOSX/set/._1.png": b"", "set/.DS_Store": b"", "set/._2.png": b""}
    assert unpack(_zip(tmp_path / "a.zip", GOOD | clutter), tmp_path / "out") == 2


def test_damage_is_told(tmp_path: Path) -> None:
    whole = _zip(tmp_path / "a.zip", {"1.png": bytes(range(256)) * 64}).read_bytes()
    for name, data in {
        "text.zip": b"<html>sign in</html>",
        "cut.tar.gz": _tar(tmp_path / "a.tar.gz", {"1": bytes(9999)}).read_bytes()[:60],
        "flipped.zip": whole[:60] + bytes([whole[60] ^ 255]) + whole[61:],
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ContainerUnreadable, match=f"{name} is damaged"):
            unpack(tmp_path / name, tmp_path / f"{name}.out")
