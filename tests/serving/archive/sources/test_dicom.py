from pathlib import Path

import numpy as np

from endolink.model.errors import EndoLinkError
from endolink.model.frame import Frame, decode
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources.dicom import DicomSource
from tests import dicoms
from tests.dicoms import picture

FRAMES = [picture(index) for index in range(3)]


def as_frame(image: bytes | Frame) -> Frame:
    return decode(image) if isinstance(image, bytes) else image


def test_a_still_is_a_picture_of_its_study(tmp_path: Path) -> None:
    header = dicoms.describe(number=12)
    path = dicoms.jpegs(tmp_path / "a.dcm", [dicoms.jpeg(FRAMES[0])], header=header)
    (found,) = DicomSource().pictures(str(path), None, Reading())
    assert isinstance(found, Picture)
    assert found.locator == Locator(str(path))
    assert found.study == f"urn:oid:{header.StudyInstanceUID}"
    assert (found.series, found.index) == (header.SeriesInstanceUID, 12)
    assert (found.time_s, found.content) == (None, None)
    assert np.abs(as_frame(found.load()).pixels.astype(int) - FRAMES[0]).mean() < 2


def test_frames_are_pictures_and_damage_passed_over(tmp_path: Path) -> None:
    streams = [dicoms.jpeg(frame) for frame in FRAMES]
    streams[1] = b"\xff\xd8\xff\xe0" + bytes(200)
    path = dicoms.jpegs(tmp_path / "a.dcm", streams)
    found = list(DicomSource().pictures(str(path), None, Reading()))
    assert [one.locator.number for one in found] == [0, 1, 2]
    errors = 0
    for one in found:
        assert isinstance(one, Picture)
        try:
            one.load()
        except EndoLinkError:
            errors += 1
    assert errors == 1


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", FRAMES)
    only = {Locator(str(path), number=1): None}
    (found,) = DicomSource().pictures(str(path), None, Reading(only=only))
    assert found.locator.number == 1


def test_an_early_end_is_reported_after_the_frames(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a.dcm", FRAMES)
    path.write_bytes(path.read_bytes()[:-10])
    found = list(DicomSource().pictures(str(path), None, Reading()))
    assert [type(one) for one in found] == [Picture, Picture, Unread]


def test_content_tells_pixels_apart(tmp_path: Path) -> None:
    contents = set()
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        path = dicoms.native(tmp_path / "a.dcm", [FRAMES[0][..., 0]], photometric=photometric)
        (found,) = DicomSource().pictures(str(path), None, Reading())
        assert isinstance(found, Picture)
        contents.add(found.content)
    assert len(contents) == 2


def test_a_file_is_known_by_its_head(tmp_path: Path) -> None:
    path = dicoms.native(tmp_path / "a", FRAMES[:1])
    assert DicomSource().recognises(path, path.read_bytes()[:1024])
    assert not DicomSource().recognises(path, b"DICM")
    assert len(DicomSource().digest(str(path)) or "") == 64
