from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.wce_bleed_gen import read


def _touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


@pytest.mark.parametrize("inside", ["", "Images/", "images/"])
def test_bleeding_is_present_or_absent(tmp_path: Path, inside: str) -> None:
    _touch(tmp_path, f"bleeding/{inside}img- (1).png", f"non-bleeding/{inside}img- (1).png")
    data = read(tmp_path)
    assert data.findings == ("bleeding",)
    assert {sample.file: sample.present for sample in data.samples} == {
        f"wce-bleed-gen/bleeding/{inside}img- (1).png": {"bleeding"},
        f"wce-bleed-gen/non-bleeding/{inside}img- (1).png": set(),
    }
    assert all(sample.known == {"bleeding"} for sample in data.samples)


def test_both_folders_are_needed(tmp_path: Path) -> None:
    _touch(tmp_path, "bleeding/a.png")
    with pytest.raises(DataLayout, match="no image is in non-bleeding"):
        read(tmp_path)


@pytest.mark.shared
def test_the_shared_frames_have_the_right_counts(shared: Path) -> None:
    data = read(shared / "data" / "wce-bleed-gen")
    assert (len(data.samples), data.counts()) == (2081, {"bleeding": 1086})
