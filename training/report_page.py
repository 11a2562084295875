"""A report's page: one HTML file that needs nothing else, read on a screen or on paper."""

from collections.abc import Sequence
from html import escape
from typing import Final

from endolink.model.findings import FINDINGS
from endolink.model.manifest import Figure
from endolink.training import plots
from endolink.training.corruptions import STRENGTHS
from endolink.training.report import Report
from endolink.training.report_style import STYLE

_PER_FINDING: Final = ("sensitivity", "specificity", "auroc", "auprc", "ece", "brier")
_TITLES: Final = {
    "macro-f1": "Macro-F1",
    "mcc": "MCC",
    "balanced-accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "macro-auroc": "Mean AUROC",
    "ece": "ECE",
    "brier": "Brier",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}
_RELIABILITY: Final = (
    "Reliability: on the dotted line, a finding told with 70 % is there in 70 % of the frames. "
    f"Larger points are more frames; bins of fewer than {plots.FEWEST} are left out."
)
_DECISION: Final = (
    "Decision curve: what acting on the model is worth to somebody who would act at that "
    "probability, against acting on every frame (dotted) and on none (zero)."
)
_TOP: Final = (
    "Rows are what the frame shows, columns the finding of highest probability; frames that show "
    "exactly one finding."
)
_CALLED: Final = "Rows are what the frame shows, columns what was called at the operating point."
_METHODS: Final = """\
Every frame was judged from its file's bytes by the code that serves it: decoding, finding the view,
preprocessing, network, calibration.
Intervals are 95 %, from a percentile bootstrap over groups of frames that belong together (patient,
video or near-identical scene), never over single frames. With few groups they are wide, rightly.
Sensitivity and specificity are at the thresholds that the bundle ships. ECE has 15 bins of equal
width, AUPRC is the average precision, net benefit follows Vickers and Elkin (2006).
Macro-F1, MCC and accuracy are of the finding of highest probability, over the frames that show
exactly one.
The stress suite shares no code with the augmentation that networks learn with, and draws the same
for a frame on every machine."""
_TILES: Final = ("macro-auroc", "macro-f1", "mcc", "ece")


def page(report: Report) -> str:
    """Write the page; without thumbnails in `report` it shows no pixel of any frame."""
    model, evaluation = report.model, report.evaluation
    sections = [
        ("In short", _short(report)),
        ("Each finding", _findings(report)),
        ("Curves", _curves(report)),
        ("Which is taken for which", _confusion(report)),
        ("Under stress", _stress(report)),
        ("Where it looks", _localisation(report)),
        ("Does it know what it does not know?", _familiarity(report)),
        ("In videos", _videos(report)),
        ("The worst mistakes", _mistakes(report)),
        ("How this was measured", _methods(report)),
    ]
    body = "\n".join(
        f'<section aria-labelledby="s{number}"><h2 id="s{number}">{escape(title)}</h2>{text}'
        "</section>"
        for number, (title, text) in enumerate(sections)
        if text
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(model.name)} {escape(model.version)}: evaluation - EndoLink</title>
<style>{STYLE}</style>
<header>
<p class="kicker">EndoLink evaluation</p>
<h1>{escape(model.name)} {escape(model.version)}</h1>
<p class="lead">Measured on {escape(evaluation.measured_on)}: {evaluation.frames:,} frames in
{evaluation.groups:,} groups.</p>
<p class="notice"><b>Not a diagnosis and not a medical device.</b> The assistant points, the
clinician decides.</p>
</header>
<main>
{body}
</main>
<footer>
<p>{escape(model.precision)} on {escape(model.provider)}; EndoLink {escape(report.endolink)};
<code>{escape(model.digest)}</code></p>
{f"<p>{escape(report.notice)}</p>" if report.notice else ""}
</footer>
</html>
"""


def percent(figure: Figure | None) -> str:
    """Write a share with its interval in per cent, as HTML."""
    if figure is None:
        return '<span class="none">not determined</span>'
    value = f"<b>{figure.value * 100:.1f} %</b>"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} <small>{figure.low * 100:.1f} to {figure.high * 100:.1f}</small>"


def number(figure: Figure | None, digits: int = 3) -> str:
    """Write a figure with its interval, as HTML."""
    if figure is None:
        return '<span class="none">–</span>'
    value = f"<b>{figure.value:.{digits}f}</b>"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} <small>{figure.low:.{digits}f} to {figure.high:.{digits}f}</small>"


def _short(report: Report) -> str:
    tiles = [(name, report.figure(name)) for name in _TILES]
    lesions = [item for item in report.findings if FINDINGS[item.code].kind == "lesion"]
    says = []
    for item in lesions[:4]:
        sensitivity = report.figure("sensitivity", item.code)
        specificity = report.figure("specificity", item.code)
        if sensitivity is None or specificity is None:
            continue
        says.append(
            f"<li><b>{escape(FINDINGS[item.code].label)}.</b> Of 100 frames that show it, "
            f"{_count(sensitivity)} are called; of 100 that do not, "
            f"{_count(specificity, lost=True)} are called nevertheless.</li>"
        )
    boxes = "".join(
        f'<div class="tile"><dt>{_TITLES[name]}</dt><dd>{number(figure)}</dd></div>'
        for name, figure in tiles
        if figure is not None
    )
    return f'<dl class="tiles">{boxes}</dl><ul class="says">{"".join(says)}</ul>'


def _count(figure: Figure, *, lost: bool = False) -> str:
    values = [figure.value, figure.low, figure.high]
    if lost:
        values = [None if value is None else 1 - value for value in values]
        values[1], values[2] = values[2], values[1]
    value, low, high = values
    assert value is not None
    text = f"<b>{value * 100:.0f}</b>"
    return text if low is None or high is None else f"{text} ({low * 100:.0f} to {high * 100:.0f})"


def _findings(report: Report) -> str:
    codes = [item.code for item in report.findings]
    rows = [
        _row(
            FINDINGS[item.code].label,
            [
                f"{item.present:,}",
                f"{item.threshold:.3f}",
                *(number(report.figure(name, item.code)) for name in _PER_FINDING),
            ],
        )
        for item in report.findings
    ]
    columns = ("Finding", "Frames", "Threshold", *(_TITLES[name] for name in _PER_FINDING))
    drawn = plots.forest(report.evaluation.figures, codes, ("sensitivity", "specificity", "auroc"))
    return (
        "".join(f'<p class="notice">{escape(line)}.</p>' for line in report.thin)
        + _figure(drawn, "Points are the figures, lines their 95 % intervals.")
        + _table("At the shipped operating points, with 95 % intervals.", columns, rows)
        + _fixed(report)
    )


def _fixed(report: Report) -> str:
    wanted = "sensitivity-at-specificity-"
    names = [figure.name for figure in report.evaluation.figures if figure.name.startswith(wanted)]
    names = list(dict.fromkeys(names))
    if not names:
        return ""
    rows = [
        _row(FINDINGS[item.code].label, [number(report.figure(name, item.code)) for name in names])
        for item in report.findings
    ]
    columns = ("Finding", *(f"at specificity {name.removeprefix(wanted)}" for name in names))
    caption = "Sensitivity where specificity is held, at a threshold chosen on these very frames."
    return _table(caption, columns, rows)


def _curves(report: Report) -> str:
    curves = report.curves
    if curves is None or not curves.roc:
        return ""
    of = {
        name: {f.finding: f for f in report.evaluation.figures if f.name == name and f.finding}
        for name in ("auroc", "auprc", "ece")
    }
    drawn = [
        (plots.roc(curves.roc, of["auroc"]), "ROC."),
        (plots.precision_recall(curves.precision_recall, of["auprc"]), "Precision and recall."),
        (
            plots.decision(curves.decision, curves.act_on_all),
            _DECISION,
        ),
    ]
    hidden = len(curves.roc) - len(plots.shown(curves.roc))
    note = f"<p>{hidden} more findings stand in the table.</p>" if hidden else ""
    panels = _figure(plots.reliability(curves.reliability, of["ece"]), _RELIABILITY)
    return f'<div class="grid">{"".join(_figure(*item) for item in drawn)}</div>{panels}{note}'


def _confusion(report: Report) -> str:
    table = report.curves.confusion if report.curves else None
    if table is None or not any(map(any, table.counts)):
        return ""
    names = [FINDINGS[code].label if code in FINDINGS else "none" for code in table.labels]
    rows = []
    for name, counts in zip(names, table.counts, strict=True):
        total = max(sum(counts), 1)
        cells = "".join(
            f'<td style="--s:{count / total:.3f}">{count:,}<small>{count / total:.0%}</small></td>'
            for count in counts
        )
        rows.append(f'<th scope="row">{escape(name)}</th>{cells}')
    return _table(_CALLED if table.labels[0] == "none" else _TOP, ("Shown", *names), rows, "heat")


def _stress(report: Report) -> str:
    if not report.stress:
        return ""
    cases = {(item.corruption, item.strength): item for item in report.stress}
    rows = []
    for name in dict.fromkeys(item.corruption for item in report.stress):
        cells = []
        for strength in STRENGTHS:
            item = cases.get((name, strength))
            figure = item.figure("top-changed") if item else None
            if item is None or figure is None:
                cells.append("<td>–</td>")
                continue
            cells.append(
                f'<td style="--s:{min(1.0, figure.value * 6):.3f}" title="{escape(item.says)}, '
                f'{item.frames:,} frames">{percent(figure)}</td>'
            )
        middle = cases.get((name, "middle"))
        drop = middle.figure("sensitivity-drop") if middle else None
        says = middle.says if middle else ""
        rows.append(
            f'<th scope="row">{escape(name)}</th>{"".join(cells)}<td>{percent(drop)}</td>'
            f'<td class="says">{escape(says)}</td>'
        )
    frames = max(item.frames for item in report.stress)
    columns = ("Corruption", *STRENGTHS, "Sensitivity falls, middle", "What middle means")
    decode = ""
    if report.decode is not None:
        decode = (
            f"<p>Decoded in full instead of at the network's scale, {report.decode.changed:,} of "
            f"{report.decode.frames:,} top findings change.</p>"
        )
    return (
        f"<p>{frames:,} frames were changed as other scopes, processors and links would have, and "
        "judged again. Shares are of frames whose top finding is then another one.</p>"
        + _figure(plots.stress(report.stress), "Lines are 95 % intervals.")
        + _table("Top finding changes.", columns, rows, "heat warm")
        + decode
    )


def _localisation(report: Report) -> str:
    if not report.localisation:
        return ""
    found = {(figure.finding, figure.name): figure for figure in report.localisation}
    rows = [
        _row(
            FINDINGS[code].label,
            [
                percent(found.get((code, "peak-inside"))),
                number(found.get((code, "box-iou")), 2),
                percent(found.get((code, "peak-inside-called"))),
                number(found.get((code, "box-iou-called")), 2),
            ],
        )
        for code in dict.fromkeys(figure.finding for figure in report.localisation)
        if code is not None
    ]
    columns = (
        *("Finding", "Maximum inside", "Box overlap (IoU)"),
        *("Maximum inside, called", "Box overlap, called"),
    )
    return (
        "<p>The activation map beside the outlines that people drew. A network that is right for "
        "the wrong reason looks elsewhere.</p>"
    ) + _table(
        "All frames with an outline, and those in which the finding was called.", columns, rows
    )


def _familiarity(report: Report) -> str:
    known = report.familiarity
    if known is None:
        return ""
    drawn = ""
    if known.outside:
        drawn = _figure(
            plots.flagged(known.outside),
            "Frames that no such endoscope took, and how many were called unfamiliar.",
        )
    return (
        f"<p>Of the frames evaluated here, {percent(known.accepted)} were called familiar. A frame "
        "is unfamiliar when its embedding lies further from the training frames than all but "
        f"{known.threshold:.0%} of the validation frames'. It warns; it never silences a finding."
        f"</p>{drawn}"
    )


def _videos(report: Report) -> str:
    if not report.videos:
        return ""
    rows = []
    for item in report.videos:
        found = {figure.name: figure for figure in item.figures}
        cells = [f"{item.films:,}", f"{item.minutes:.1f}", f"{item.lesions:,}"]
        cells += [
            percent(found.get("lesion-sensitivity")),
            number(found.get("false-alarms-per-minute"), 2),
            number(found.get("median-seconds-to-alert"), 2),
        ]
        rows.append(_row(FINDINGS[item.finding].label, cells))
    columns = (
        *("Finding", "Videos", "Minutes", "Lesions", "Lesions pointed at"),
        *("False alarms a minute", "Seconds to the alert, median"),
    )
    return (
        "<p>The stream's own alerts. A false alarm comes on while no such lesion is in view and "
        f"lasts at least {report.videos[0].shortest_alarm_s:g} s.</p>"
    ) + _table("Exact 95 % intervals.", columns, rows)


def _mistakes(report: Report) -> str:
    if not report.mistakes:
        return ""
    parts = []
    for kind, title in (("missed", "Missed"), ("false-alarm", "Called, and not there")):
        mine = [item for item in report.mistakes if item.kind == kind]
        if not mine:
            continue
        cards = []
        for item in mine:
            label = FINDINGS[item.finding].label
            image = (
                f'<img alt="The frame, and where the network looked for {escape(label)}" '
                f'src="data:image/jpeg;base64,{item.thumbnail}">'
                if item.thumbnail
                else ""
            )
            cards.append(
                f"<figure>{image}<figcaption><b>{escape(label)}</b> {item.probability:.2f}; "
                f"labelled {escape(item.labels)}<br>{_file(item.file)}</figcaption>"
                "</figure>"
            )
        parts.append(f'<h3>{title}</h3><div class="cards">{"".join(cards)}</div>')
    shown = any(item.thumbnail for item in report.mistakes)
    said = (
        "Left, what the network was shown; right, where it looked. These pictures are frames of "
        "patients: this file may go only where they may."
        if shown
        else "Their pictures are left out."
    )
    return f"<p>At most one of a group of near-copies. {said}</p>{''.join(parts)}"


def _file(name: str) -> str:
    short = name.rpartition("/")[2]
    return f'<code title="{escape(name)}">{escape(short)}</code>'


def _methods(_: Report) -> str:
    # A sentence that begins a line begins an item.
    items = _METHODS.replace(".\n", ".\0").replace("\n", " ").split("\0")
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _table(caption: str, columns: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    """Write a table; each of `rows` is the cells of one, as HTML."""
    head = "".join(f'<th scope="col">{title}</th>' for title in columns)
    body = "".join(f"<tr>{cells}</tr>" for cells in rows)
    return (
        f'<div class="scroll"><table class="{kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(name: str, cells: Sequence[str]) -> str:
    written = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<th scope="row">{escape(name)}</th>{written}'


def _figure(drawn: str, caption: str) -> str:
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"
