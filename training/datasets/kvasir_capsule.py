"""Kvasir-Capsule: frames of capsule videos, whose names say the video.

Smedsrud et al., "Kvasir-Capsule, a video capsule endoscopy dataset", Scientific Data 8:142 (2021),
doi 10.1038/s41597-021-00920-z.

    PATH/labelled_images/angiectasia/<video>_<frame>.jpg
    PATH/official_splits/split_0.csv        optional: filename,label; and split_1.csv

Neighbouring frames of one video are all but the same, and the official folds divide videos: a video
is one group.
"""

import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from endolink.model.errors import DataLayout
from endolink.training.datasets.class_folders import class_images
from endolink.training.datasets.samples import DataSet, Sample

LICENCE = "CC-BY-4.0"
CITATION = (
    "Smedsrud et al., Kvasir-Capsule, a video capsule endoscopy dataset, Scientific Data 8:142 "
    "(2021), doi 10.1038/s41597-021-00920-z"
)
NOTICE = (
    "The data set's own page adds: free for research and education; competitions and commercial "
    "use need its authors' written permission."
)

CLASSES = {
    "ampulla-of-vater": "ampulla-of-vater",
    "angiectasia": "angiectasia",
    # What a frame can show is blood, not the act.
    "blood-fresh": "bleeding",
    "blood-hematin": "altered-blood",
    "erosion": "erosion",
    "erythema": "erythema",
    "foreign-body": "foreign-body",
    "ileocecal-valve": "ileocecal-valve",
    "lymphangiectasia": "lymphangiectasia",
    "normal-clean-mucosa": "normal-small-bowel",
    "polyp": "polyp",
    "pylorus": "pylorus",
    "reduced-mucosal-view": "reduced-mucosal-view",
    "ulcer": "ulcer",
}
# Classes that the official folds leave out, for want of frames.
RARE: Final = frozenset({"ampulla-of-vater", "altered-blood", "polyp"})
_NAME = re.compile(r"(?P<video>[0-9a-f]{16})_(?P<frame>\d+)\.\w+")


def read(root: Path, *, protocol: bool = False) -> DataSet:
    """Read the 14 classes, or with `protocol` the 11 of the official folds.

    A frame that lies in two classes shows both.

    Raises
    ------
    DataLayout
        No class folder is there, one is none of the 14, or a frame's name does not say its video.
    """
    present = defaultdict(set)
    first: dict[str, tuple[str, Path]] = {}
    for file, path, code in class_images(root, CLASSES, "Kvasir-Capsule"):
        if protocol and code in RARE:
            continue
        present[path.name].add(code)
        first.setdefault(path.name, (file, path))
    findings = tuple(
        code for code in CLASSES.values() if any(code in codes for codes in present.values())
    )
    folds = _read_folds(root / "official_splits")
    samples = tuple(
        Sample(
            path,
            f"kvasir-capsule/{file}",
            frozenset(present[name]),
            frozenset(findings),
            group=f"video {_video(name)}",
            fold=folds.get(name),
        )
        for name, (file, path) in first.items()
    )
    return DataSet("kvasir-capsule", samples, findings, LICENCE, CITATION, NOTICE)


def read_protocol(root: Path) -> DataSet:
    """Read the 11 classes of the official folds, as `read` does."""
    return read(root, protocol=True)


def _video(name: str) -> str:
    match = _NAME.fullmatch(name)
    if match is None:
        raise DataLayout(
            f"{name} is not named as Kvasir-Capsule's frames are, 04a78ef00c5245e0_894.jpg"
        )
    return match["video"]


def _read_folds(folder: Path) -> dict[str, int]:
    folds: dict[str, int] = {}
    for fold in (0, 1):
        path = folder / f"split_{fold}.csv"
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if "filename" not in (rows.fieldnames or ()):
                raise DataLayout(f"{path}: expected the columns filename,label")
            folds |= {row["filename"]: fold for row in rows}
    return folds
