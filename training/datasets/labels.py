"""A table of labels: what clinicians marked in the viewer, or anybody's own list of frames.

PATH/labels.csv                file,finding,present,group
PATH/frames/0001.jpg

`file` is relative to the table's folder. `present` is 1 or 0. A frame may have several lines, one a
finding; a finding without a line is undecided in that frame, neither learned from nor scored.
`group` may be empty: which frames are of one patient or video.
"""

import csv
import io
from collections import defaultdict
from pathlib import Path, PurePosixPath

from endolink.model.errors import DataLayout
from endolink.model.findings import FINDINGS
from endolink.training.datasets.class_folders import slug
from endolink.training.datasets.samples import DataSet, Sample

LABELS = "labels.csv"
COLUMNS = ("file", "finding", "present", "group")
_YES_NO = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read(path: Path) -> DataSet:
    """Read the table at `path`, or `labels.csv` in the folder `path`.

    Raises
    ------
    DataLayout
        There is no such table, or a line of it names no finding, no file that is there, contradicts
        another line, or leads out of the folder.
    """
    table = path / LABELS if path.is_dir() else path
    if not table.is_file():
        raise DataLayout(f"{path}: expected a table {LABELS} with the columns {','.join(COLUMNS)}")
    root = table.parent
    decided: dict[str, dict[str, bool]] = defaultdict(dict)
    groups: dict[str, str | None] = {}
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataLayout(f"{table}: is not UTF-8; save it as CSV in UTF-8") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not set(COLUMNS[:3]) <= set(rows.fieldnames or ()):
        raise DataLayout(f"{table}: expected the columns {','.join(COLUMNS)}")
    for row in rows:
        where = f"{table.name}, line {rows.line_num}"
        file, code, present = _line(row, where)
        if decided[file].setdefault(code, present) != present:
            raise DataLayout(f"{where}: {code!r} was decided otherwise in an earlier line")
        group = (row.get("group") or "").strip() or None
        if groups.setdefault(file, group) != group:
            raise DataLayout(f"{where}: the file was of another group in an earlier line")
    if missing := [file for file in decided if not (root / file).is_file()]:
        raise DataLayout(
            f"{table}: {len(missing)} files are not there, as {missing[0]!r}; `file` is relative "
            "to the table's folder"
        )
    name = slug(root.resolve().name) or "labels"
    samples = tuple(
        Sample(
            root / file,
            f"{name}/{file}",
            frozenset(code for code, present in codes.items() if present),
            frozenset(codes),
            group=groups[file],
        )
        for file, codes in sorted(decided.items())
    )
    used = {code for codes in decided.values() for code in codes}
    return DataSet(
        name,
        samples,
        tuple(code for code in FINDINGS if code in used),
        licence="as its owner says",
        citation=f"a table of labels, {name}",
    )


def _line(row: dict[str, str | None], where: str) -> tuple[str, str, bool]:
    file, finding, present = ((row.get(column) or "").strip() for column in COLUMNS[:3])
    parts = PurePosixPath(file.replace("\\", "/"))
    if not file or parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        raise DataLayout(f"{where}: `file` is a path within the table's folder")
    code = slug(finding)
    if code not in FINDINGS:
        raise DataLayout(f"{where}: no finding has that code; known are {', '.join(FINDINGS)}")
    if present.lower() not in _YES_NO:
        raise DataLayout(f"{where}: `present` is 1 or 0")
    return parts.as_posix(), code, _YES_NO[present.lower()]
