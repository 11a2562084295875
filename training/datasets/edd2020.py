"""EDD2020: early neoplasia in the upper and lower tract, several findings in one frame.

Ali et al., "Deep learning for detection and segmentation of artefact and disease instances in
gastrointestinal endoscopy", Medical Image Analysis 70:102002 (2021),
doi 10.1016/j.media.2021.102002; and "Endoscopy disease detection challenge 2020",
arXiv 2003.03376.

    PATH/originalImages/EDD2020_AJ0001.jpg     as downloaded, in PATH or a folder in it
    PATH/masks/EDD2020_AJ0001_BE.tif           where that finding lies: it is present
    PATH/bbox/EDD2020_AJ0001.txt               x0 y0 x1 y1 class, a line each

    PATH/images/EDD2020_AJ0001.jpg             or with its labels in one table
    PATH/labels.csv                            file,BE,suspicious,HGD,cancer,polyp: each 0 or 1

Neighbouring numbers are often neighbouring frames of one patient, and too unlike each other for
their pixels to tell: frames of one name block are one group.
"""

import csv
import re
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets.samples import DataSet, Sample, images

ORIGINALS = "originalImages"
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
_MASK = re.compile(r"(?P<frame>EDD2020_[A-Z]+\d+)_(?P<class>[A-Za-z]+)(_\d+)?\.tif")
_NAME = re.compile(r"EDD2020_(?P<letters>[A-Z]+)(?P<number>\d+)\.\w+")


def read(root: Path) -> DataSet:
    """Read the frames; each of the five findings is decided in each.

    Raises
    ------
    DataLayout
        The folder is laid out in neither way, or its labels and images do not fit each other.
    """
    release = _release(root)
    if release is None:
        paths, present, outlines = _read_table(root)
    else:
        paths, present, outlines = _read_release(release)
    blocks = _blocks(list(present))
    known = frozenset(COLUMNS.values())
    samples = tuple(
        Sample(
            paths[name],
            f"edd2020/{name}",
            frozenset(codes),
            known,
            group=blocks[name],
            outlines=outlines.get(name, {}),
        )
        for name, codes in sorted(present.items())
    )
    return DataSet("edd2020", samples, tuple(COLUMNS.values()), LICENCE, CITATION, NOTICE)


_Read = tuple[dict[str, Path], dict[str, set[str]], dict[str, dict[str, Path]]]


def _release(root: Path) -> Path | None:
    found = sorted(root.glob(ORIGINALS)) + sorted(root.glob(f"*/{ORIGINALS}"))
    return found[0].parent if found else None


def _read_table(root: Path) -> _Read:
    present = _read_labels(root / LABELS)
    folder = root / IMAGES
    paths = {path.name: path for path in images(folder)} if folder.is_dir() else {}
    if paths.keys() != present.keys():
        raise DataLayout(
            f"{root}: {LABELS} lists {len(present)} frames and {IMAGES} holds {len(paths)}; "
            f"{len(paths.keys() & present.keys())} are in both"
        )
    return paths, present, {}


def _read_release(root: Path) -> _Read:
    paths = {path.name: path for path in images(root / ORIGINALS)}
    stems = {path.stem: name for name, path in paths.items()}
    present: dict[str, set[str]] = {name: set() for name in paths}
    drawn: dict[str, dict[str, list[Path]]] = {name: {} for name in paths}
    for mask in sorted((root / "masks").glob("*.tif")):
        match = _MASK.fullmatch(mask.name)
        if match is None or match["frame"] not in stems:
            raise DataLayout(f"{mask}: expected FRAME_CLASS.tif, as EDD2020_AJ0001_BE.tif")
        name = stems[match["frame"]]
        code = _code(match["class"], mask)
        present[name].add(code)
        drawn[name].setdefault(code, []).append(mask)
    for boxes in sorted((root / "bbox").glob("*.txt")):
        if boxes.stem in stems:
            present[stems[boxes.stem]] |= {
                _code(line.split()[-1], boxes)
                for line in boxes.read_text(encoding="utf-8").splitlines()
                if line.strip()
            }
    # A finding drawn in several images has no one outline.
    outlines = {
        name: {code: masks[0] for code, masks in codes.items() if len(masks) == 1}
        for name, codes in drawn.items()
    }
    return paths, present, outlines


def _code(label: str, where: Path) -> str:
    for name, code in COLUMNS.items():
        if label.lower() == name.lower():
            return code
    raise DataLayout(f"{where}: expected one of the classes {', '.join(COLUMNS)}")


def _read_labels(path: Path) -> dict[str, set[str]]:
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
            labels[row["file"]] = {code for name, code in COLUMNS.items() if row[name] == "1"}
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
            block = f"block {letters}{number:04}"
        blocks[name] = block
        before = letters, number
    return blocks
