"""GastroVision: 27 classes from two hospitals, of which its authors' protocol takes 22.

Jha et al., "GastroVision: a multi-class endoscopy image dataset for computer aided gastrointestinal
disease detection", ML4MHD at ICML 2023, arXiv 2307.08140.

    PATH/Colon polyps/<name>.jpg            in PATH, or in the folders that the archive makes
    PATH/Split/train.csv                    optional: Filename,Class; validate.csv, test.csv

The official split was drawn frame by frame, so that near-copies lie on both sides of it.
"""

import csv
from pathlib import Path
from typing import Final

from endolink.model.errors import DataLayout
from endolink.training.datasets.class_folders import class_images, slug
from endolink.training.datasets.samples import DataSet, Part, Sample

LICENCE = "CC-BY-4.0"
CITATION = (
    "Jha et al., GastroVision: a multi-class endoscopy image dataset for computer aided "
    "gastrointestinal disease detection, ML4MHD at ICML 2023, arXiv 2307.08140"
)

CLASSES = {
    "accessory-tools": "accessory-tools",
    "angiectasia": "angiectasia",
    "barretts-esophagus": "barretts",
    # What a frame can show is blood, not the act.
    "blood-in-lumen": "bleeding",
    "cecum": "cecum",
    "colon-diverticula": "diverticula",
    "colon-polyps": "polyp",
    "colorectal-cancer": "cancer",
    "duodenal-bulb": "duodenal-bulb",
    "dyed-lifted-polyps": "dyed-lifted-polyps",
    "dyed-resection-margins": "dyed-resection-margins",
    "erythema": "erythema",
    "esophageal-varices": "esophageal-varices",
    "esophagitis": "esophagitis",
    "gastric-polyps": "gastric-polyp",
    "gastroesophageal-junction-normal-z-line": "z-line",
    "ileocecal-valve": "ileocecal-valve",
    "mucosal-inflammation-large-bowel": "mucosal-inflammation",
    "normal-esophagus": "normal-esophagus",
    "normal-mucosa-and-vascular-pattern-in-the-large-bowel": "normal-colon",
    "normal-stomach": "normal-stomach",
    "pylorus": "pylorus",
    "resected-polyps": "resected-polyp",
    "resection-margins": "resection-margin",
    "retroflex-rectum": "retroflex-rectum",
    "small-bowel-terminal-ileum": "ileum",
    "ulcer": "ulcer",
}
# Classes of at most 25 images, which the authors' protocol leaves out.
RARE: Final = frozenset(
    {"angiectasia", "erythema", "esophageal-varices", "resection-margin", "ulcer"}
)
_SPLIT: dict[str, Part] = {"train": "train", "validate": "validation", "test": "test"}


def read(root: Path, *, protocol: bool = False) -> DataSet:
    """Read all 27 classes, or with `protocol` the 22 of the authors' experiments.

    Raises
    ------
    DataLayout
        No class folder is there, one is none of the 27, or a split file is not as described.
    """
    leave_out = RARE if protocol else frozenset()
    found = [
        item for item in class_images(root, CLASSES, "GastroVision") if item[2] not in leave_out
    ]
    findings = tuple(dict.fromkeys(code for _, _, code in found))
    known = frozenset(findings)
    parts = _read_split(root / "Split")
    samples = tuple(
        Sample(
            path,
            f"gastrovision/{file}",
            frozenset({code}),
            known,
            part=parts.get((slug(path.parent.name), path.name)),
        )
        for file, path, code in found
    )
    return DataSet("gastrovision", samples, findings, LICENCE, CITATION)


def read_protocol(root: Path) -> DataSet:
    """Read the 22 classes of the authors' protocol, as `read` does."""
    return read(root, protocol=True)


def _read_split(folder: Path) -> dict[tuple[str, str], Part]:
    # One file name stands in several classes for different images: both decide.
    parts: dict[tuple[str, str], Part] = {}
    for name, part in _SPLIT.items():
        path = folder / f"{name}.csv"
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not {"Filename", "Class"} <= set(rows.fieldnames or ()):
                raise DataLayout(f"{path}: expected the columns Filename,Class")
            parts |= {(slug(row["Class"]), row["Filename"]): part for row in rows}
    return parts
