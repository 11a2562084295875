from pathlib import Path

import numpy as np
import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets import open_data
from endolink.training.datasets.samples import DataSet, Sample, targets, union
from tests.training.pictures import sample


def _sample(file: str, present: set[str], known: set[str]) -> Sample:
    return Sample(Path(file), file, frozenset(present), frozenset(known))


def test_a_finding_that_is_not_labelled_is_neither_present_nor_known() -> None:
    one = _sample("a/1", {"polyp"}, {"polyp", "cecum"})
    other = _sample("b/1", {"bleeding"}, {"bleeding"})
    present, known = targets([one, other], ["polyp", "cecum", "bleeding"])
    assert np.array_equal(present, [[1, 0, 0], [0, 0, 1]])
    assert np.array_equal(known, [[1, 1, 0], [0, 0, 1]])


def test_union_keeps_the_order_in_which_findings_come() -> None:
    first = DataSet("a", (sample("1"),), ("polyp", "cecum"), "", "")
    second = DataSet("b", (sample("2"),), ("bleeding", "polyp"), "", "")
    samples, findings = union([first, second])
    assert findings == ("polyp", "cecum", "bleeding")
    assert len(samples) == 2
    with pytest.raises(DataLayout, match="same name"):
        union([first, first])


def test_labels_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="present and yet not known"):
        _sample("a/1", {"polyp"}, {"cecum"})
    with pytest.raises(ValueError, match="vocabulary"):
        _sample("a/1", set(), {"unicorn"})
    with pytest.raises(DataLayout, match="no labelled frame"):
        DataSet("empty", (), (), "", "")


@pytest.mark.parametrize("spec", ["hyper-kvasir", "imagenet:/data", ":x", "My set=folder:/data"])
def test_a_spec_that_names_no_data_set_is_refused(spec: str) -> None:
    with pytest.raises(DataLayout, match=r"hyper-kvasir, .*folder"):
        open_data(spec)


def test_two_folders_of_one_name_are_told_apart_by_names_of_their_own(tmp_path: Path) -> None:
    for clinic in "ab":
        (tmp_path / clinic / "frames" / "polyp").mkdir(parents=True)
        (tmp_path / clinic / "frames" / "polyp" / "1.jpg").touch()
    first, second = (f"folder:{tmp_path}/{clinic}/frames" for clinic in "ab")
    with pytest.raises(DataLayout, match="clinic-b=folder:PATH"):
        union([open_data(first), open_data(second)])
    samples, _ = union([open_data(first), open_data(f"clinic-b={second}")])
    assert [item.file for item in samples] == ["frames/polyp/1.jpg", "clinic-b/polyp/1.jpg"]
