from pathlib import Path

from endolink.training.datasets.kvasir import CLASSES, read
from tests.training.datasets.layout import touch


def test_the_eight_classes_are_findings_of_the_vocabulary(tmp_path: Path) -> None:
    touch(tmp_path, *(f"kvasir-dataset-v2/{name}/1.jpg" for name in CLASSES))
    data = read(tmp_path)
    assert len(data.findings) == 8
    labels = {sample.file: sample.label for sample in data.samples}
    assert labels["kvasir-v2/normal-z-line/1.jpg"] == "z-line"
    assert all(sample.known == set(data.findings) for sample in data.samples)
