from collections import Counter
from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.hyper_kvasir import CLASSES, IMAGES, SEGMENTED, read

COUNTS = {"polyp": 850, "cecum": 340, "bbps-2-3": 266, "bbps-0-1": 253, "impacted-stool": 96}


def _lay_out(root: Path) -> None:
    """Make all 23 class folders, one empty file in each: the adapter reads names, not pictures."""
    lines = ["file-name;class-name;split-index"]
    for number, item in enumerate(CLASSES):
        folder = root / IMAGES / item.folder
        folder.mkdir(parents=True)
        (folder / f"{number}.jpg").touch()
        lines.append(f"{number}.jpg;{item.name};{number % 5}")
    (root / "5_fold_split.csv").write_text("\n".join(lines))


def test_all_23_classes_are_read_with_their_folds(tmp_path: Path) -> None:
    _lay_out(tmp_path)
    data = read(tmp_path)
    assert len(data.findings) == len(set(data.findings)) == len(data.samples) == 23
    assert [sample.fold for sample in data.samples] == [number % 5 for number in range(23)]
    polyp = data.samples[0]
    assert polyp.present == {"polyp"}
    assert polyp.known == set(data.findings)
    assert (
        polyp.file
        == "hyper-kvasir/labeled-images/lower-gi-tract/pathological-findings/polyps/0.jpg"
    )


def test_a_part_of_the_classes_and_no_split_file_is_enough(tmp_path: Path) -> None:
    folder = tmp_path / IMAGES / "upper-gi-tract/anatomical-landmarks/z-line"
    folder.mkdir(parents=True)
    (folder / "a.jpg").touch()
    (folder / "notes.txt").touch()
    (sample,) = read(tmp_path).samples
    assert (sample.present, sample.fold) == ({"z-line"}, None)


@pytest.mark.parametrize("official", [False, True])
def test_an_outline_is_found_by_its_frames_name(tmp_path: Path, official: bool) -> None:
    _lay_out(tmp_path)
    mask = tmp_path / SEGMENTED / "masks" / ("cju0qkwl.jpg" if official else "0.png")
    mask.parent.mkdir(parents=True)
    mask.touch()
    if official:
        (tmp_path / SEGMENTED / "names.csv").write_text(
            "official-name,labeled-image\ncju0qkwl.jpg,0.jpg\ncju0missing.jpg,1.jpg\n"
        )
    polyp, cecum, *_ = read(tmp_path).samples
    assert (polyp.outlines, cecum.outlines) == ({"polyp": mask}, {})


def test_another_layout_is_refused_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "polyps").mkdir()
    with pytest.raises(DataLayout, match=r"expected HyperKvasir's folders.*found polyps"):
        read(tmp_path)
    with pytest.raises(DataLayout, match="no folder at all"):
        read(tmp_path / "missing")


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    _lay_out(tmp_path)
    (tmp_path / IMAGES / "lower-gi-tract/pathological-findings/unicorns").mkdir()
    with pytest.raises(DataLayout, match="unicorns"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [("0.jpg;normal-cecum;0", "calls it 'normal-cecum'"), ("0.jpg;polyp;first", "line 2")],
)
def test_a_split_file_that_contradicts_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    _lay_out(tmp_path)
    (tmp_path / "5_fold_split.csv").write_text(f"file-name;class-name;split-index\n{line}\n")
    with pytest.raises(DataLayout, match=reason):
        read(tmp_path)


@pytest.mark.shared
def test_the_shared_frames_have_the_right_counts_and_folds(shared: Path) -> None:
    data = read(shared / "data" / "hyper-kvasir")
    assert data.counts() == COUNTS
    assert Counter(sample.fold for sample in data.samples) == {
        0: 366,
        1: 352,
        2: 354,
        3: 371,
        4: 362,
    }
    assert sum("polyp" in sample.outlines for sample in data.samples) == 849
    halves = read(shared / "data" / "hyper-kvasir", folds=2)
    assert {sample.fold for sample in halves.samples} == {0, 1}
