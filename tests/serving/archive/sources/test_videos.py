from pathlib import Path

import numpy as np
import pytest

from endolink import sample_data
from endolink.model.frame import Frame
from endolink.serving.archive.picture import Locator, Picture, Reading, Unread
from endolink.serving.archive.sources import fetch, find, videos
from endolink.serving.archive.sources.videos import VideoFile

av = pytest.importorskip("av", reason="video needs the archive extra")


def test_a_video_is_a_study_with_times() -> None:
    place = str(sample_data.clip())
    (stored,) = find([place])
    pictures = list(stored.pictures(Reading(every_s=1.0), "digest"))
    assert [p.time_s for p in pictures if isinstance(p, Picture)] == pytest.approx(range(10))
    assert {p.study for p in pictures} == {place}
    assert pictures[1].locator == Locator(place, number=25)
    assert isinstance(pictures[1], Picture)
    assert pictures[1].content == "digest#25"
    assert pictures[5].share == pytest.approx(0.5, abs=0.01)  # type: ignore[union-attr]
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


def test_keyframes_are_the_same_pictures_at_the_same_times(tmp_path: Path) -> None:
    place = tmp_path / "film.mp4"
    with av.open(str(place), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.options = {"g": "12", "sc_threshold": "0"}
        for number in range(40):
            pixels = np.full((64, 96, 3), 40 + 4 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    (stored,) = find([str(place)])
    every = {p.time_s: p.load() for p in stored.pictures(Reading()) if isinstance(p, Picture)}
    reading = Reading(keyframes=True)
    found = list(stored.pictures(reading, "digest"))
    keys = [one for one in found if isinstance(one, Picture)]
    assert len(keys) == len(found)  # nor is the film taken for one that was cut short
    assert [one.time_s for one in keys] == pytest.approx([0, 1.2, 2.4, 3.6])
    assert [one.locator.number for one in keys] == [0, 1, 2, 3]
    same = dict(fetch({one.locator: one.time_s for one in keys}, reading))
    again = dict(fetch({one.locator: None for one in keys}, reading))
    for one in keys:
        for image in (one.load(), same[one.locator], again[one.locator]):
            whole = every[one.time_s]
            assert isinstance(image, Frame)
            assert isinstance(whole, Frame)
            assert image.sha256 == whole.sha256


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
