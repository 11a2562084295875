from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.kvasir_capsule import CLASSES, read, read_protocol
from tests.training.datasets.layout import touch

ONE, OTHER = "04a78ef00c5245e0", "bca26705313a4644"


def test_a_name_says_the_video_and_a_frame_in_two_folders_shows_both(tmp_path: Path) -> None:
    touch(
        tmp_path,
        f"labelled_images/erosion/{ONE}_894.jpg",
        f"labelled_images/erythema/{ONE}_894.jpg",
        f"labelled_images/normal_clean_mucosa/{OTHER}_20404.jpg",
    )
    one, other = read(tmp_path).samples
    assert one.present == {"erosion", "erythema"}
    assert (one.group, other.group) == (f"video {ONE}", f"video {OTHER}")
    assert other.present == {"normal-small-bowel"}
    assert other.known == {"erosion", "erythema", "normal-small-bowel"}


def test_the_official_folds_are_read(tmp_path: Path) -> None:
    touch(tmp_path, f"blood_fresh/{ONE}_1.jpg", f"polyp/{OTHER}_2.jpg")
    (tmp_path / "official_splits").mkdir()
    (tmp_path / "official_splits/split_1.csv").write_text(f"filename,label\n{ONE}_1.jpg,Blood\n")
    assert {sample.label: sample.fold for sample in read(tmp_path).samples} == {
        "bleeding": 1,
        "polyp": None,
    }
    (tmp_path / "official_splits/split_0.csv").write_text("a;b\n")
    with pytest.raises(DataLayout, match="expected the columns filename,label"):
        read(tmp_path)


def test_a_frame_whose_name_says_no_video_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "ulcer/mine.jpg")
    with pytest.raises(DataLayout, match=r"mine\.jpg is not named as"):
        read(tmp_path)


def test_there_are_fourteen_classes_and_eleven_in_the_official_folds(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}/{ONE}_{number}.jpg" for number, name in enumerate(CLASSES)))
    assert len(read(tmp_path).findings) == 14
    assert len(read_protocol(tmp_path).samples) == 11
