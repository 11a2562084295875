"""HyperKvasir's labelled images, in the folders and with the split files of its authors.

Borgli et al., "HyperKvasir, a comprehensive multi-class image and video dataset for
gastrointestinal endoscopy", Scientific Data 7:283 (2020), doi 10.1038/s41597-020-00622-y.

    PATH/labeled-images/lower-gi-tract/pathological-findings/polyps/<uuid>.jpg
    PATH/labeled-images/upper-gi-tract/anatomical-landmarks/z-line/<uuid>.jpg
    PATH/5_fold_split.csv          file-name;class-name;split-index
    PATH/segmented-images/masks/<name>.jpg     optional: the outlines of polyps
    PATH/segmented-images/names.csv            optional: official-name,labeled-image

The segmented images have names of their own. Where `names.csv` tells which labelled image each of
them is, or the masks are named after the labelled images, outlines are found.

Each image has one of 23 classes; any part of them may be there. The class that its authors gave a
frame counts as present, every other as absent. That is a limit: a polyp's frame also shows a bowel
that is clean or not, and the labels call it neither.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets.class_folders import contents
from endolink.training.datasets.samples import DataSet, Sample, images

IMAGES = "labeled-images"
SEGMENTED = "segmented-images"
LICENCE = "CC-BY-4.0"
CITATION = (
    "Borgli et al., HyperKvasir, a comprehensive multi-class image and video dataset for "
    "gastrointestinal endoscopy, Scientific Data 7:283 (2020), doi 10.1038/s41597-020-00622-y"
)
NOTICE = (
    "The data set's own page adds: free for research and education; competitions and commercial "
    "use need its authors' written permission."
)


@dataclass(frozen=True)
class _Class:
    """One of the 23: its finding here, its folder, and its name in the split files."""

    finding: str
    folder: str
    name: str


_LOWER, _UPPER = "lower-gi-tract", "upper-gi-tract"
_LANDMARKS, _LESIONS = "anatomical-landmarks", "pathological-findings"
_VIEWS, _INTERVENTIONS = "quality-of-mucosal-views", "therapeutic-interventions"

CLASSES = (
    _Class("polyp", f"{_LOWER}/{_LESIONS}/polyps", "polyp"),
    _Class("cecum", f"{_LOWER}/{_LANDMARKS}/cecum", "normal-cecum"),
    _Class("bbps-2-3", f"{_LOWER}/{_VIEWS}/bbps-2-3", "bbps-2-3"),
    _Class("bbps-0-1", f"{_LOWER}/{_VIEWS}/bbps-0-1", "bbps-0-1"),
    _Class("impacted-stool", f"{_LOWER}/{_VIEWS}/impacted-stool", "impacted-stool"),
    _Class("ileum", f"{_LOWER}/{_LANDMARKS}/ileum", "ileum"),
    _Class("retroflex-rectum", f"{_LOWER}/{_LANDMARKS}/retroflex-rectum", "retroflex-rectum"),
    _Class("hemorrhoids", f"{_LOWER}/{_LESIONS}/hemorrhoids", "hemorroids"),
    *(
        _Class(name, f"{_LOWER}/{_LESIONS}/{name}", name)
        for name in (
            "ulcerative-colitis-grade-0-1",
            "ulcerative-colitis-grade-1",
            "ulcerative-colitis-grade-1-2",
            "ulcerative-colitis-grade-2",
            "ulcerative-colitis-grade-2-3",
            "ulcerative-colitis-grade-3",
        )
    ),
    *(
        _Class(name, f"{_LOWER}/{_INTERVENTIONS}/{name}", name)
        for name in ("dyed-lifted-polyps", "dyed-resection-margins")
    ),
    _Class("pylorus", f"{_UPPER}/{_LANDMARKS}/pylorus", "normal-pylorus"),
    _Class("z-line", f"{_UPPER}/{_LANDMARKS}/z-line", "normal-z-line"),
    _Class("retroflex-stomach", f"{_UPPER}/{_LANDMARKS}/retroflex-stomach", "retroflex-stomach"),
    _Class("barretts", f"{_UPPER}/{_LESIONS}/barretts", "barretts"),
    _Class(
        "barretts-short-segment",
        f"{_UPPER}/{_LESIONS}/barretts-short-segment",
        "short-segment-barretts",
    ),
    _Class("esophagitis-a", f"{_UPPER}/{_LESIONS}/esophagitis-a", "oesophagitis-a"),
    _Class("esophagitis-b-d", f"{_UPPER}/{_LESIONS}/esophagitis-b-d", "oesophagitis-b-d"),
)


def read(root: Path, *, folds: int = 5) -> DataSet:
    """Read the classes that are under `root`; `folds` is 2 or 5, which official split to take.

    A frame that the split file does not list has no fold; neither has any where the file is
    missing.

    Raises
    ------
    DataLayout
        No class folder is there, a folder is none of the 23, or the split file contradicts the
        folders.
    """
    top = root / IMAGES
    here = [item for item in CLASSES if (top / item.folder).is_dir()]
    if not here:
        raise DataLayout(
            f"{root}: expected HyperKvasir's folders, as in {IMAGES}/{CLASSES[0].folder}; "
            f"found {contents(root)}"
        )
    _refuse_unknown(top)
    findings = tuple(item.finding for item in here)
    known = frozenset(findings)
    split = _read_split(root / f"{folds}_fold_split.csv")
    masks = _masks(root / SEGMENTED)
    samples = []
    for item in here:
        for path in images(top / item.folder):
            name, fold = split.get(path.name, (item.name, None))
            if name != item.name:
                raise DataLayout(
                    f"{path.name} lies in {item.folder}, and the split file calls it {name!r}"
                )
            file = f"hyper-kvasir/{path.relative_to(root).as_posix()}"
            outlines = {item.finding: masks[path.stem]} if path.stem in masks else {}
            samples.append(
                Sample(path, file, frozenset({item.finding}), known, fold=fold, outlines=outlines)
            )
    return DataSet("hyper-kvasir", tuple(samples), findings, LICENCE, CITATION, NOTICE)


def _masks(folder: Path) -> dict[str, Path]:
    """Find the outlines, by the stem of the labelled image's name."""
    if not (folder / "masks").is_dir():
        return {}
    named = {path.stem: path for path in images(folder / "masks")}
    names = folder / "names.csv"
    if names.is_file():
        with names.open(newline="", encoding="utf-8") as lines:
            rows = csv.DictReader(lines)
            if not {"official-name", "labeled-image"} <= set(rows.fieldnames or ()):
                raise DataLayout(f"{names}: expected the columns official-name,labeled-image")
            for row in rows:
                official = Path(row["official-name"]).stem
                if official in named:
                    named.setdefault(Path(row["labeled-image"]).stem, named[official])
    return named


def _refuse_unknown(top: Path) -> None:
    folders = {item.folder for item in CLASSES}
    found = {path.relative_to(top).as_posix() for path in top.glob("*/*/*") if path.is_dir()}
    if unknown := sorted(found - folders):
        raise DataLayout(f"{top}: not among HyperKvasir's 23 classes: {', '.join(unknown)}")


def _read_split(path: Path) -> dict[str, tuple[str, int | None]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter=";")
        try:
            return {row["file-name"]: (row["class-name"], int(row["split-index"])) for row in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise DataLayout(
                f"{path.name}: expected the columns file-name;class-name;split-index, the last a "
                f"whole number; line {rows.line_num} is not so ({error})"
            ) from error
