from dataclasses import replace
from pathlib import Path

import pytest

from endolink.training.datasets.samples import Part, Sample
from endolink.training.leaks import find_leaks
from tests.training.pictures import sample

PARTS: tuple[Part, ...] = ("train", "test", "test", "train")


def _files(folder: Path, *contents: bytes) -> list[Sample]:
    samples = []
    for number, content in enumerate(contents):
        (folder / f"{number}.jpg").write_bytes(content)
        samples.append(replace(sample(f"{number}.jpg"), path=folder / f"{number}.jpg"))
    return samples


def test_nothing_is_said_of_groups_that_are_whole(tmp_path: Path) -> None:
    assert find_leaks(_files(tmp_path, b"a", b"b", b"c", b"d"), "abba", PARTS) == []


@pytest.mark.parametrize(
    ("contents", "why"),
    [((b"same", b"same", b"c", b"d"), "exact copies"), ((b"a", b"b", b"c", b"d"), "near-copies")],
)
def test_copies_are_told_from_near_copies(
    tmp_path: Path, contents: tuple[bytes, ...], why: str
) -> None:
    (leak,) = find_leaks(_files(tmp_path, *contents), "aabb"[:2] + "bc", PARTS)
    assert str(leak) == f"{why} (1 in test, 1 in train), as set/0.jpg and set/1.jpg"


def test_a_patient_is_named_and_its_copies_are_not_told_again(tmp_path: Path) -> None:
    samples = [replace(s, group="patient 7") for s in _files(tmp_path, b"a", b"a", b"c", b"d")]
    (leak,) = find_leaks(samples, "aaaa", PARTS)
    assert leak.why == "patient 7"
    assert leak.parts == (("test", 2), ("train", 2))


def test_two_videos_that_one_picture_ties_are_told_as_pictures(tmp_path: Path) -> None:
    samples = _files(tmp_path, b"a", b"a")
    samples = [replace(s, group=f"video {n}") for n, s in enumerate(samples)]
    (leak,) = find_leaks(samples, "aa", PARTS[:2])
    assert leak.why == "exact copies"


def test_files_that_are_gone_are_near_copies() -> None:
    (leak,) = find_leaks([sample("0.jpg"), sample("1.jpg")], "aa", PARTS[:2])
    assert leak.why == "near-copies"
