from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.gastrovision import CLASSES, RARE, read, read_protocol
from tests.training.datasets.layout import touch

FOLDERS = """Accessory tools
Angiectasia
Barrett's esophagus
Blood in lumen
Cecum
Colon diverticula
Colon polyps
Colorectal cancer
Duodenal bulb
Dyed-lifted-polyps
Dyed-resection-margins
Erythema
Esophageal varices
Esophagitis
Gastric polyps
Gastroesophageal_junction_normal z-line
Ileocecal valve
Mucosal inflammation large bowel
Normal esophagus
Normal mucosa and vascular pattern in the large bowel
Normal stomach
Pylorus
Resected polyps
Resection margins
Retroflex rectum
Small bowel_terminal ileum
Ulcer""".splitlines()


def test_all_27_classes_are_read_and_22_of_them_by_protocol(tmp_path: Path) -> None:
    touch(tmp_path, *(f"Gastrovision/{folder}/1.jpg" for folder in FOLDERS))
    assert len(FOLDERS) == len(CLASSES) == len(read(tmp_path).findings) == 27
    protocol = read_protocol(tmp_path)
    assert len(protocol.findings) == len(protocol.samples) == 22
    assert RARE.isdisjoint(protocol.findings)
    assert protocol.samples[0].known == set(protocol.findings)


def test_the_official_parts_go_by_class_and_name(tmp_path: Path) -> None:
    touch(tmp_path, "Cecum/100H0001.jpg", "Ulcer/100H0001.jpg", "Pylorus/a.jpg")
    (tmp_path / "Split").mkdir()
    (tmp_path / "Split/train.csv").write_text("Filename,Class\n100H0001.jpg,Cecum\n")
    (tmp_path / "Split/test.csv").write_text("Filename,Class\n100H0001.jpg,Ulcer\n")
    parts = {sample.label: sample.part for sample in read(tmp_path).samples}
    assert parts == {"cecum": "train", "ulcer": "test", "pylorus": None}
    (tmp_path / "Split/validate.csv").write_text("file,label\n")
    with pytest.raises(DataLayout, match=r"validate\.csv: expected the columns Filename,Class"):
        read(tmp_path)
