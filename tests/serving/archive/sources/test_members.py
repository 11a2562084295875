import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from endolink import sample_data
from endolink.model.errors import ContainerUnreadable, FrameTooLarge
from endolink.model.frame import Frame
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources import fetch, find
from endolink.serving.archive.sources.members import spooled
from tests import dicoms

pytest.importorskip("av", reason="video needs the archive extra")


@pytest.fixture(scope="module", params=["zip", "tar.xz"])
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film, an object of three frames, a damaged one, and a picture, in one container."""
    folder = tmp_path_factory.mktemp("packed")
    frames = [dicoms.picture(index) for index in range(3)]
    members = {
        "study/clip.webm": sample_data.clip().read_bytes(),
        "study/IM0001": dicoms.native(folder / "a.dcm", frames).read_bytes(),
        "study/IM0002": dicoms.native(folder / "b.dcm", frames).read_bytes()[:700],
        "study/still.jpg": sample_data.frames()[0].read_bytes(),
    }
    path = folder / f"packed.{request.param}"
    if request.param == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, data in members.items():
                zipped.writestr(name, data)
    else:
        with tarfile.open(path, "w:xz") as tarred:
            for name, data in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tarred.addfile(entry, io.BytesIO(data))
    return path


def read(path: Path) -> list[Picture | Unread]:
    (stored,) = find([str(path)])
    return list(stored.pictures(Reading(every_s=2.0)))


def test_films_and_objects_are_read_where_they_lie(packed: Path) -> None:
    met = read(packed)
    by_member: dict[str | None, list[Picture | Unread]] = {}
    for one in met:
        by_member.setdefault(one.locator.member, []).append(one)
    film = by_member["study/clip.webm"]
    times = [one.time_s for one in film if isinstance(one, Picture)]
    assert times == pytest.approx([0, 2, 4, 6, 8])
    assert {one.study for one in film} == {f"{packed}!study/clip.webm"}
    # Three frames of a tenth of a second: one is due.
    (one,) = by_member["study/IM0001"]
    assert isinstance(one, Picture)
    image = one.load()
    assert isinstance(image, Frame)
    assert np.array_equal(image.pixels, dicoms.picture(0))
    assert all(one.study.startswith("urn:oid:") for one in by_member["study/IM0001"])
    (broken,) = by_member["study/IM0002"]
    assert isinstance(broken, Unread)
    assert broken.error.code.startswith("dicom-")
    assert by_member["study/still.jpg"][0].study == f"{packed}!study"


def test_single_ones_are_fetched_again(packed: Path) -> None:
    wanted = {
        Locator(str(packed), "study/clip.webm", 50): 2.0,
        Locator(str(packed), "study/IM0001", 0): None,
    }
    got = dict(fetch(wanted, Reading(every_s=2.0)))
    assert set(got) == set(wanted)
    found = {one.locator: one for one in read(packed) if isinstance(one, Picture)}
    for locator, image in got.items():
        again = found[locator].load()
        assert isinstance(again, Frame)
        assert isinstance(image, Frame)
        assert image.sha256 == again.sha256


def test_a_container_of_nothing_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as zipped:
        zipped.writestr(".hidden.jpg", b"x")
    (met,) = read(tmp_path / "empty.zip")
    assert isinstance(met, Unread)
    assert met.error.code == "container-unreadable"


@pytest.mark.parametrize("said", [4, 6, 2**50])
def test_a_member_of_another_length_is_refused(said: int) -> None:
    with (
        pytest.raises((ContainerUnreadable, FrameTooLarge)),
        spooled(b"12", io.BytesIO(b"345"), said),
    ):
        pass
