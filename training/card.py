"""Put reports into a bundle: their figures into its card and manifest, their JSON beside them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from endolink.model.bundle import MANIFEST, Bundle, describe, write
from endolink.model.errors import DataError
from endolink.model.findings import finding
from endolink.model.manifest import Figure
from endolink.training.corruptions import STRENGTHS
from endolink.training.model_card import evaluation_table, validated_line
from endolink.training.report import Report

_FIGURES, _CARD = "## Figures", "MODEL_CARD.md"
_NOTE = """\
Intervals are 95 %, from a bootstrap that resamples groups of frames that belong together, not
frames. Sensitivity and specificity are at the thresholds above; `ece` is the expected calibration
error. Everything that was measured stands in `{files}`, beside this card."""


def add_reports(bundle: Bundle, paths: Sequence[Path], folder: Path) -> Bundle:
    """Write `bundle` into `folder` with the reports in `paths`: its own, or another folder.

    The card's section on figures is written anew from them; the network and its calibration are
    left as they are.

    Raises
    ------
    DataError
        A file is no report, or one of a model with other findings or thresholds.
    """
    reports = [Report.read(path) for path in paths]
    points = [
        {point.code: point.threshold for point in variant.operating_points}
        for variant in bundle.manifest.variants
    ]
    for path, report in zip(paths, reports, strict=True):
        if {item.code: item.threshold for item in report.findings} not in points:
            raise DataError(f"{path} is of a model with other findings or thresholds")
    names = [
        "report.json" if not number else f"report-{number + 1}.json"
        for number in range(len(reports))
    ]
    files = {name: report.to_json() for name, report in zip(names, reports, strict=True)}
    told = _NOTE.format(files="`, `".join(names))
    note = f"{told}\n\n{validated_line(bundle.manifest.validated_input)}"
    card = _with_figures(bundle.files[_CARD].decode(), reports, note).encode()
    manifest = replace(
        bundle.manifest,
        evaluation=tuple(report.evaluation for report in reports),
        card=describe(_CARD, card),
        reports=tuple(describe(name, data) for name, data in files.items()),
    )
    kept = {name: data for name, data in bundle.files.items() if name != MANIFEST}
    return write(folder, manifest, {**kept, **files, _CARD: card})


def figures(report: Report) -> str:
    """Write a report's figures as Markdown."""
    parts = [evaluation_table(report.evaluation)]
    if report.localisation:
        parts.append(_localisation(report))
    if report.stress:
        parts.append(_stress(report))
    if report.familiarity is not None:
        accepted = _share(report.familiarity.accepted)
        lines = [f"**Familiarity.** {accepted} of these frames are called familiar."]
        lines += [
            f"Of {item.frames:,} frames of {item.kind}, {_share(item.share)} are called unfamiliar."
            for item in report.familiarity.outside
        ]
        parts.append("\n".join(lines))
    parts += [
        f"**{finding(video.finding).label} in videos** ({video.films} of them, "
        f"{video.minutes:.1f} minutes): "
        + ", ".join(f"{item.name.replace('-', ' ')} {_number(item)}" for item in video.figures)
        + f"; false alarms of {video.shortest_alarm_s:g} s or more."
        for video in report.videos
    ]
    return "\n\n".join(parts)


def _with_figures(card: str, reports: Sequence[Report], note: str) -> str:
    """Replace the section on figures, or add it before the next; what stands after it is kept."""
    section = "\n\n".join([_FIGURES, *map(figures, reports), note])
    before, found, rest = card.partition(_FIGURES)
    after = rest[rest.index("\n## ") :] if found and "\n## " in rest else ""
    return f"{before.rstrip()}\n\n{section}\n{after}"


def _localisation(report: Report) -> str:
    found = {(figure.finding, figure.name): figure for figure in report.localisation}
    lines = []
    for code in dict.fromkeys(figure.finding for figure in report.localisation):
        inside, overlap = found.get((code, "peak-inside")), found.get((code, "box-iou"))
        if code is not None and inside is not None and overlap is not None:
            lines.append(
                f"**Where it looks**, {finding(code).label.lower()}: the activation's maximum lies "
                f"inside the outline in {_share(inside)} of frames; the box overlaps the outline's "
                f"by {_number(overlap)} (IoU)."
            )
    return "\n".join(lines)


def _stress(report: Report) -> str:
    cases = {(item.corruption, item.strength): item for item in report.stress}
    lines = [
        "**Under stress**, the share of frames whose top finding changes:",
        "",
        "| corruption | " + " | ".join(STRENGTHS) + " | sensitivity falls, middle |",
        "| --- " * (len(STRENGTHS) + 2) + "|",
    ]
    for name in dict.fromkeys(item.corruption for item in report.stress):
        cells = []
        for strength in STRENGTHS:
            item = cases.get((name, strength))
            cells.append(_share(item.figure("top-changed") if item else None))
        middle = cases.get((name, "middle"))
        cells.append(_share(middle.figure("sensitivity-drop") if middle else None))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.1%}"
    return f"{figure.value:.1%} ({figure.low:.1%}-{figure.high:.1%})"


def _number(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f}-{figure.high:.2f})"
