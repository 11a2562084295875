"""A plain folder of images, one sub-folder a finding: the way in for anybody's own frames.

PATH/polyp/0001.jpg            the folder's name is a finding's code, or its label
PATH/terminal-ileum/0002.png
PATH/none/0003.png             frames that show none of the findings
PATH/outlines/polyp/0001.png   optional: where the finding lies in polyp/0001.jpg, white within
PATH/groups.csv                optional: file,group - which frames are of one patient or video;
                               a group may be empty
"""

import csv
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.model.findings import FINDINGS
from endolink.training.datasets.class_folders import slug
from endolink.training.datasets.samples import DataSet, Sample, images

NONE = "none"
OUTLINES = "outlines"
GROUPS = "groups.csv"


def read(root: Path) -> DataSet:
    """Read the folder `root`: a frame shows its folder's finding and none of the others.

    Raises
    ------
    DataLayout
        `root` has no such sub-folders, one is named after no finding, or `groups.csv` names a file
        that is not there, or is no table in UTF-8.
    """
    if not root.is_dir():
        raise DataLayout(f"{root}: expected a folder with one sub-folder a finding; found nothing")
    folders = {
        path: _code(path)
        for path in sorted(root.iterdir())
        if path.is_dir() and not path.name.startswith(".") and path.name != OUTLINES
    }
    present = {code for code in folders.values() if code is not None}
    if not present:
        raise DataLayout(
            f"{root}: expected sub-folders named after findings, as in {root.name}/polyp/0001.jpg; "
            f"found {len(folders)} sub-folders"
        )
    findings = tuple(code for code in FINDINGS if code in present)
    groups = _read_groups(root)
    name = slug(root.resolve().name) or "folder"
    samples = []
    for folder, code in folders.items():
        for path in images(folder):
            inside = path.relative_to(root).as_posix()
            outline = root / OUTLINES / folder.name / f"{path.stem}.png"
            samples.append(
                Sample(
                    path,
                    f"{name}/{inside}",
                    frozenset() if code is None else frozenset({code}),
                    frozenset(findings),
                    group=groups.pop(inside, None),
                    outlines={} if code is None or not outline.is_file() else {code: outline},
                )
            )
    if groups:
        raise DataLayout(f"{GROUPS} names files that are not there, as {next(iter(groups))!r}")
    return DataSet(
        name,
        tuple(samples),
        findings,
        licence="as its owner says",
        citation=f"a folder of images, {name}",
    )


def _code(folder: Path) -> str | None:
    """Give the finding that a folder is named after; None for `none`."""
    wanted = slug(folder.name)
    if wanted == NONE:
        return None
    for finding in FINDINGS.values():
        if wanted in {finding.code, slug(finding.label)}:
            return finding.code
    raise DataLayout(
        f"the folder {folder.name!r} is named after no finding; known are {', '.join(FINDINGS)}, "
        f"and {NONE}"
    )


def _read_groups(root: Path) -> dict[str, str | None]:
    path = root / GROUPS
    if not path.is_file():
        return {}
    try:
        # Spreadsheets put a byte-order mark in front.
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not {"file", "group"} <= set(rows.fieldnames or ()):
                raise DataLayout(f"{path}: expected the columns file,group")
            # Frames of no group are not frames of one group.
            return {row["file"]: (row["group"] or "").strip() or None for row in rows}
    except UnicodeDecodeError as error:
        raise DataLayout(f"{path}: is not UTF-8; save it as CSV in UTF-8") from error
