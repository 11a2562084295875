"""EDD2020: early neoplasia in the upper and lower tract, several findings in one frame.

Ali et al., "Deep learning for detection and segmentation of artefact and disease instances in
gastrointestinal endoscopy", Medical Image Analysis 70:102002 (2021),
doi 10.1016/j.media.2021.102002; and "Endoscopy disease detection challenge 2020",
arXiv 2003.03376.

    PATH/images/EDD2020_AJ0001.jpg
    PATH/labels.csv                file,BE,suspicious,HGD,cancer,polyp      each 0 or 1

Neighbouring numbers are often neighbouring frames of one patient, and too unlike each other for
their pixels to tell: frames of one name block are one group.
"""

import csv
import re
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets.samples import DataSet, Sample, images

IMAGES = "images"
LABELS = "labels.csv"
LICENCE = "CC-BY-NC-SA-4.0"
CITATION = (
    "Ali et al., Deep learning for detection and segmentation of artefact and disease instances in "
    "gastrointestinal endoscopy, Medical Image Analysis 70:102002 (2021), "
    "doi 10.1016/j.media.2021.102002"
)
NOTICE = "A model trained on EDD2020 is under its licence too: not for commercial use, share alike."

# Its columns, in the order of the network's outputs, and what they are called here.
COLUMNS = {
    "BE": "barretts",
    "suspicious": "suspicious",
    "HGD": "hgd",
    "cancer": "cancer",
    "polyp": "polyp",
}
# Frames are missing from the numbering here and there. Within a block the next one is at most this
# far; the blocks of one letter code are 13 to 25 apart.
_GAP = 10
_NAME = re.compile(r"EDD2020_(?P<letters>[A-Z]+)(?P<number>\d+)\.\w+")


def read(root: Path) -> DataSet:
    """Read the frames that are listed in `labels.csv`; each of the five findings is decided.

    Raises
    ------
    DataLayout
        There is no such table, or it and the images do not fit each other.
    """
    labels = _read_labels(root / LABELS)
    folder = root / IMAGES
    paths = {path.name: path for path in images(folder)} if folder.is_dir() else {}
    if paths.keys() != labels.keys():
        raise DataLayout(
            f"{root}: {LABELS} lists {len(labels)} frames and {IMAGES} holds {len(paths)}; "
            f"{len(paths.keys() & labels.keys())} are in both"
        )
    blocks = _blocks(list(labels))
    known = frozenset(COLUMNS.values())
    samples = tuple(
        Sample(paths[name], f"edd2020/{IMAGES}/{name}", present, known, group=blocks[name])
        for name, present in sorted(labels.items())
    )
    return DataSet("edd2020", samples, tuple(COLUMNS.values()), LICENCE, CITATION, NOTICE)


def _read_labels(path: Path) -> dict[str, frozenset[str]]:
    wanted = ("file", *COLUMNS)
    if not path.is_file():
        raise DataLayout(f"{path.parent}: expected {LABELS} with the columns {','.join(wanted)}")
    labels = {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        for row in rows:
            if not set(wanted) <= row.keys() or not {row[name] for name in COLUMNS} <= {"0", "1"}:
                raise DataLayout(
                    f"{path}: expected the columns {','.join(wanted)}, each after the first 0 or "
                    f"1; line {rows.line_num} is not so"
                )
            labels[row["file"]] = frozenset(
                code for name, code in COLUMNS.items() if row[name] == "1"
            )
    return labels


def _blocks(names: list[str]) -> dict[str, str]:
    """Name each file's block after the block's first file: `AJ0048`."""
    numbered = []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            raise DataLayout(f"{name} is not named as EDD2020's frames are, EDD2020_AJ0001.jpg")
        numbered.append((match["letters"], int(match["number"]), name))
    blocks = {}
    block, before = "", (" ", 0)
    for letters, number, name in sorted(numbered):
        if letters != before[0] or number - before[1] > _GAP:
            block = f"{letters}{number:04}"
        blocks[name] = block
        before = letters, number
    return blocks
