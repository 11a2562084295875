from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.limuc import IMAGES, read
from tests.training.datasets.layout import touch


def test_scores_and_patients_are_read_from_the_folders(tmp_path: Path) -> None:
    touch(
        tmp_path,
        f"{IMAGES}/{IMAGES}/12/Mayo 0/UC_patient_12_1.bmp",
        f"{IMAGES}/{IMAGES}/2/Mayo 3/UC_patient_2_1.bmp",
        f"{IMAGES}/{IMAGES}/2/Mayo 1/UC_patient_2_2.bmp",
        "test_set/test_set/Mayo 0/UC_patient_12_1.bmp",
    )
    samples = read(tmp_path).samples
    assert [(sample.group, sample.label[-1], sample.part) for sample in samples] == [
        ("patient 2", "1", "train"),
        ("patient 2", "3", "train"),
        ("patient 12", "0", "test"),
    ]
    assert samples[0].file == "limuc/2/Mayo 1/UC_patient_2_2.bmp"
    assert len(samples[0].known) == 4


def test_without_the_test_set_there_is_no_official_part(tmp_path: Path) -> None:
    touch(tmp_path, "7/Mayo 2/UC_patient_7_1.bmp")
    (sample,) = read(tmp_path).samples
    assert sample.part is None


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataLayout, match="expected LIMUC's folders"):
        read(tmp_path)
    touch(tmp_path, "7/Mayo 4/a.bmp")
    with pytest.raises(DataLayout, match="expected a folder Mayo 0 to Mayo 3"):
        read(tmp_path)
