import shutil
from pathlib import Path

import pytest

from endolink.model.errors import DataError, DataLayout
from endolink.training.datasets import open_data
from endolink.training.inspection import Inspection, inspect, open_or_recognise, recognise
from tests.training.datasets.layout import touch
from tests.training.pictures import draw, fill_folder


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames with what goes wrong: a copy, a copy of another label, damage, a size of its own."""
    root = fill_folder(tmp_path_factory.mktemp("data") / "clinic", 6)
    shutil.copy(root / "polyp" / "00.jpg", root / "polyp" / "copy.jpg")
    shutil.copy(root / "polyp" / "01.jpg", root / "cecum" / "copy.jpg")
    (root / "polyp" / "broken.jpg").write_bytes((root / "polyp" / "02.jpg").read_bytes()[:700])
    for number in range(6):
        large = draw("bbps-2-3", number, width=240, height=192)
        large.save(root / "bbps-2-3" / f"{number:02}.jpg", quality=90)
    (root / "groups.csv").write_text("file,group\npolyp/03.jpg,exam 1\npolyp/04.jpg,exam 1\n")
    return root


@pytest.fixture(scope="module")
def found(clinic: Path) -> Inspection:
    steps: list[int] = []
    result = inspect([open_data(f"folder:{clinic}")], steps.append)
    assert sum(steps) == 21
    return result


def test_frames_copies_and_groups_are_counted(found: Inspection) -> None:
    assert len(found.samples) == len(found.groups) == 20
    counts = {item.code: (item.present, item.absent) for item in found.findings}
    assert counts == {"polyp": (7, 13), "cecum": (7, 13), "bbps-2-3": (6, 14)}
    assert found.copies == 2
    assert found.sizes == {(120, 96): 14, (240, 192): 6}
    assert found.origins == {"exam 1": 2}
    together = {
        group for sample, group in zip(found.samples, found.groups, strict=True) if sample.group
    }
    assert len(together) == 1


@pytest.mark.parametrize(
    "warning",
    [
        "1 files cannot be read, as clinic/polyp/broken.jpg: ",
        "1 sets of copies have labels that differ, as clinic/",
        "bbps-2-3: 100% of its frames are 240 × 192, 0% of the others.",
        "14 frames are smaller than 128 pixels a side.",
    ],
)
def test_what_will_go_wrong_is_said(found: Inspection, warning: str) -> None:
    assert any(warning in said for said in found.warnings), found.warnings


def test_a_set_that_says_no_patients_is_told_so(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "few", 3)
    said = " ".join(inspect([open_data(f"folder:{root}")]).warnings)
    assert "Nothing says which frames are of one patient" in said
    assert "polyp: 3 frames, of 3 groups. With fewer than 5 groups" in said


def test_two_sets_are_searched_for_each_others_frames(clinic: Path, tmp_path: Path) -> None:
    other = fill_folder(tmp_path / "other", 2)
    both = inspect([open_data(f"folder:{clinic}"), open_data(f"folder:{other}")])
    assert any("Groups hold frames of several sets" in said for said in both.warnings)
    assert any("of clinic and other" in said for said in both.warnings)


def test_official_folds_are_held_against_the_groups(tmp_path: Path) -> None:
    folder = tmp_path / "labeled-images" / "lower-gi-tract" / "pathological-findings" / "polyps"
    folder.mkdir(parents=True)
    lines = ["file-name;class-name;split-index"]
    for number in range(4):
        draw("polyp", number // 2).save(folder / f"{number}.jpg", quality=95 - number)
        lines.append(f"{number}.jpg;polyp;{number % 2}")
    (tmp_path / "5_fold_split.csv").write_text("\n".join(lines))
    found = inspect([open_data(f"hyper-kvasir:{tmp_path}")])
    assert found.separated == {"official fold 0": (2, 2), "official fold 1": (2, 2)}
    assert any("4 of 4 tested frames (100%)" in said for said in found.warnings)


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "polyp/1.jpg")
    with pytest.raises(DataError, match="not one of 1 frames can be read"):
        inspect([open_data(f"folder:{tmp_path}")])


@pytest.mark.parametrize(
    ("files", "adapter"),
    [
        (["polyp/1.jpg", "none/2.jpg"], "folder"),
        (["cecum/1.jpg", "pylorus/2.jpg"], "folder"),
        (["bleeding/1.png", "non-bleeding/2.png"], "wce-bleed-gen"),
        (["labelled_images/ulcer/04a78ef00c5245e0_894.jpg"], "kvasir-capsule"),
        (["labeled-images/lower-gi-tract/anatomical-landmarks/cecum/1.jpg"], "hyper-kvasir"),
        (["patient_based_classified_images/7/Mayo 2/UC_patient_7_1.bmp"], "limuc"),
        (["originalImages/EDD2020_B0001.jpg"], "edd2020"),
        (
            [
                f"kvasir-dataset-v2/{name}/1.jpg"
                for name in ("polyps", "esophagitis", "normal-cecum", "normal-z-line")
            ],
            "kvasir-v2",
        ),
    ],
)
def test_a_set_is_recognised_by_its_layout(tmp_path: Path, files: list[str], adapter: str) -> None:
    touch(tmp_path, *files)
    assert recognise(tmp_path) == adapter
    assert open_or_recognise(str(tmp_path)).samples == open_data(f"{adapter}:{tmp_path}").samples


def test_a_table_of_labels_is_recognised_before_folders(tmp_path: Path) -> None:
    touch(tmp_path, "polyp/1.jpg")
    (tmp_path / "labels.csv").write_text("file,finding,present,group\npolyp/1.jpg,polyp,1,\n")
    assert recognise(tmp_path) == "labels"


def test_what_is_no_set_is_told_what_would_be(tmp_path: Path) -> None:
    with pytest.raises(DataLayout, match="laid out as none of hyper-kvasir, "):
        recognise(tmp_path)
