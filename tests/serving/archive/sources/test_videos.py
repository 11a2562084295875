from pathlib import Path

import pytest

from endolink import sample_data
from endolink.model.frame import Frame
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources import fetch, find, videos
from endolink.serving.archive.sources.videos import VideoFile

pytest.importorskip("av", reason="video needs the archive extra")


def test_a_video_is_a_study_with_times() -> None:
    place = str(sample_data.clip())
    (stored,) = find([place])
    pictures = list(stored.pictures(Reading(every_s=1.0), "digest"))
    assert [p.time_s for p in pictures if isinstance(p, Picture)] == pytest.approx(range(10))
    assert {p.study for p in pictures} == {place}
    assert pictures[1].locator == Locator(place, number=25)
    assert isinstance(pictures[1], Picture)
    assert pictures[1].content == "digest#25"
    image = pictures[1].load()
    assert isinstance(image, Frame)
    ((locator, again),) = fetch({Locator(place, number=25): None}, Reading())
    assert locator.number == 25
    assert isinstance(again, Frame)
    assert again.sha256 == image.sha256


def test_single_pictures_are_sought_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(sample_data.clip())
    (stored,) = find([place])
    times = {p.locator: p.time_s for p in stored.pictures(Reading()) if isinstance(p, Picture)}
    digests = {p.locator: p.content for p in stored.pictures(Reading()) if isinstance(p, Picture)}
    wanted = [Locator(place, number=number) for number in (3, 120, 121, 200)]
    # From the beginning it is not decoded, unless the time of a picture is not known.
    monkeypatch.setattr(videos, "frames", None)
    found = dict(fetch({at: times[at] for at in wanted}, Reading()))
    assert {at: image.sha256 for at, image in found.items() if isinstance(image, Frame)} == {
        at: digests[at] for at in wanted
    }
    monkeypatch.undo()
    wrong = {Locator(place, number=3): 0.05, Locator(place, number=200): times[wanted[3]]}
    assert {at.number for at, _ in fetch(wrong, Reading())} == {3, 200}


def test_what_is_left_of_a_cut_video_is_given_and_the_damage_told(tmp_path: Path) -> None:
    whole = sample_data.clip().read_bytes()
    cut = tmp_path / "cut.webm"
    cut.write_bytes(whole[: len(whole) // 2])
    (stored,) = find([str(cut)])
    *pictures, last = stored.pictures(Reading())
    assert len(pictures) > 50
    assert isinstance(last, Unread)
    assert last.error.code == "video-unreadable"
    assert last.study == str(cut)
    assert last.index > pictures[-1].index


@pytest.mark.parametrize(
    ("name", "head", "is_video"),
    [
        ("a", b"\x00\x00\x00\x18ftypisom", True),
        ("a", b"RIFF\x00\x00\x00\x00AVI LIST", True),
        ("a.MP4", b"nonsense", True),
        ("a.heic", b"\x00\x00\x00\x18ftypheic", False),
        ("a.webp", b"RIFF\x00\x00\x00\x00WEBP", False),
        ("a.jpg", b"\xff\xd8\xff", False),
    ],
)
def test_a_video_is_known_by_its_magic_or_its_name(name: str, head: bytes, is_video: bool) -> None:
    assert VideoFile().recognises(Path(name), head) == is_video
