"""A contact sheet: some frames of every finding, side by side, to look at before training."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from endolink.model.egress import require
from endolink.model.errors import DataError
from endolink.model.findings import FINDINGS
from endolink.model.preprocess import Preprocess
from endolink.training.cache import cut
from endolink.training.datasets.samples import Sample

SIDE: Final = 144  # pixels of a picture
_GAP, _MARGIN, _CAPTION = 6, 20, 34
_BACK, _INK, _QUIET = (18, 20, 24), (236, 238, 240), (150, 156, 164)
_NONE = "none"


def write_sheet(
    path: Path,
    samples: Sequence[Sample],
    groups: Sequence[str],
    findings: Sequence[str],
    *,
    columns: int = 8,
    title: str = "",
) -> int:
    """Write the sheet: a row a finding, each frame of another group, as the network is shown them.

    Frames in which nothing is present make the last row. Returns how many frames are on it.

    Raises
    ------
    DataError
        A frame cannot be read.
    """
    rows = []
    for code in (*findings, _NONE):
        own = [
            index
            for index, sample in enumerate(samples)
            if (code in sample.present if code != _NONE else not sample.present)
        ]
        if own:
            rows.append((code, len(own), _spread(own, groups, columns)))
    width = 2 * _MARGIN + columns * SIDE + (columns - 1) * _GAP
    header = _CAPTION if title else 0
    height = 2 * _MARGIN + header + len(rows) * (SIDE + _CAPTION + _GAP)
    sheet = Image.new("RGB", (width, height), _BACK)
    draw = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(17), ImageFont.load_default(13)
    if title:
        draw.text((_MARGIN, _MARGIN - 4), title, _INK, large)
    top = _MARGIN + header
    for code, count, chosen in rows:
        label = FINDINGS[code].label if code in FINDINGS else "None of the findings"
        draw.text((_MARGIN, top + 6), label, _INK, large)
        end = _MARGIN + draw.textlength(label, large)
        draw.text((end + 12, top + 9), f"{count:,} frames", _QUIET, small)
        for place, index in enumerate(chosen):
            picture, _ = cut(samples[index], Preprocess(SIDE))
            left = _MARGIN + place * (SIDE + _GAP)
            sheet.paste(Image.fromarray(picture[:, :, :3]), (left, top + _CAPTION))
        top += SIDE + _CAPTION + _GAP
    require(frozenset({"pixels"}), path)
    try:
        sheet.save(path, quality=88)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: the contact sheet cannot be written there: {error}") from error
    return sum(len(chosen) for _, _, chosen in rows)


def _spread(own: Sequence[int], groups: Sequence[str], columns: int) -> list[int]:
    """Choose frames from as many groups as there are, evenly over the set."""
    members = defaultdict(list)
    for index in own:
        members[groups[index]].append(index)
    firsts = [rows[0] for rows in members.values()]
    rest = [row for rows in members.values() for row in rows[1:]]
    pool = firsts if len(firsts) >= columns else firsts + rest
    step = max(len(pool) / columns, 1.0)
    return [pool[int(place * step)] for place in range(min(columns, len(pool)))]
