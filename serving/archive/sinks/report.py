"""A study's report: one HTML file that needs nothing else, to be read by a clinician."""

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Final

from PIL import Image

from endolink import __version__
from endolink.model.classifier import Classifier
from endolink.model.egress import DataKind, EgressSettings, require
from endolink.model.findings import finding
from endolink.model.verdict import Box
from endolink.serving.archive.picture import Reading, readable
from endolink.serving.archive.sinks import whole
from endolink.serving.archive.sinks.pictures import KeyPicture, key_pictures
from endolink.serving.archive.sinks.timeline import clock, draw
from endolink.serving.archive.study import StudyResult

_SIDE: Final = 640
_ASPECT: Final = 5 / 4  # of the field that a key frame is shown in
_MOST_EVENTS: Final = 100


class ReportSink:
    """Writes `report.html`.

    Key frames are shown with everything outside of the view, insets and burned-in text blanked;
    with `identifiers` they are shown as they are, and with where they are stored.
    """

    def __init__(
        self,
        classifier: Classifier,
        reading: Reading,
        rules: EgressSettings,
        *,
        identifiers: bool = False,
    ) -> None:
        self._classifier = classifier
        self._reading = reading
        self._rules = rules
        self._identifiers = identifiers

    def write(self, result: StudyResult, destination: Path) -> None:
        """Write the report; raises EgressRefused."""
        kinds: set[DataKind] = {"verdicts", "pixels"}
        if self._identifiers:
            kinds.add("identifiers")
        require(frozenset(kinds), destination, self._rules)
        pictures = key_pictures(
            result, self._classifier, self._reading, identifiers=self._identifiers
        )
        with whole(destination / "report.html") as partial:
            partial.write_text(self._page(result, pictures), encoding="utf-8")

    def _page(self, result: StudyResult, pictures: Iterable[KeyPicture]) -> str:
        model = result.model
        figures = "".join(self._figure(picture) for picture in pictures)
        return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Study {escape(result.pseudonym)} - EndoLink</title>
<style>{_STYLE}</style>
<header>
<h1>Study <code>{escape(result.pseudonym)}</code></h1>
<p class="notice">{escape(result.notice)}</p>
</header>
<main>
<section><h2>In short</h2>{_reading(result)}</section>
<section><h2>Timeline</h2>{draw(result)}{_events(result)}</section>
<section><h2>Key frames</h2>
{_frames(figures)}</section>
<section><h2>How the study was read</h2>{_summary(result)}</section>
</main>
<footer>
<p>Model {escape(model.name)} {escape(model.version)}, {escape(model.precision)} on
{escape(model.provider)}; EndoLink {escape(__version__)}.</p>
<p><code>{escape(model.digest)}</code></p>
</footer>
</html>
"""

    def _figure(self, picture: KeyPicture) -> str:
        key = picture.key
        said = "Shown for orientation; nothing was found."
        if key.finding is not None:
            said = (
                f"<b>{escape(key.finding.label)}</b> {key.finding.probability:.2f}"
                f" (threshold {key.finding.threshold:.2f})"
            )
        where = f"Frame {key.frame.number:,}"
        if key.frame.time_s is not None:
            where += f", {clock(key.frame.time_s)}"
        source = ""
        if self._identifiers:
            source = f"<br><code>{escape(readable(key.frame.locator))}</code>"
        label = escape(where if key.finding is None else f"{key.finding.label}, {where}")
        return (
            f'<figure id="frame-{key.frame.number}"><div class="shown">'
            f'<div style="width:{_width(picture):.2%}">'
            f'<img alt="{label}" src="{_picture_url(picture)}">{_overlay(picture)}</div></div>'
            f"<figcaption>{said}<br>{where}{source}</figcaption></figure>\n"
        )


_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --card: #8881; --accent: #c2410c; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 66rem; padding: 1rem; }
h1 { font-size: 1.4rem; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
h1 code { font-size: 1.1rem; }
.notice { background: #d9a40022; border-left: 4px solid #d9a400; padding: .4rem .8rem; }
.cards { display: grid; gap: .7rem; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); }
.card { background: var(--card); border-radius: 8px; padding: .6rem .9rem; }
.card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.card span { font-size: .85rem; }
.share { background: #8883; border-radius: 4px; height: .5rem; margin-top: .3rem; }
.share i { background: #15803d; border-radius: 4px; display: block; height: 100%; }
.share.poor i { background: var(--accent); }
table { border-collapse: collapse; } td, th { padding: .15rem 1.2rem .15rem 0; text-align: left; }
th { font-weight: 500; } td:last-child { font-variant-numeric: tabular-nums; }
.timeline { height: auto; width: 100%; } .timeline text { fill: currentColor; font-size: 14px; }
.timeline .when { font-size: 11px; opacity: .75; } .tick { stroke: #8883; }
.rail { stroke: var(--line); } .event { fill: var(--accent); } .event.landmark { fill: #2563eb; }
.mark { fill: #facc15; stroke: #422006; } .first { fill: #2563eb; stroke: #2563eb; }
.legend { font-size: .85rem; margin: .2rem 0 0; }
.k { border-radius: 3px; display: inline-block; height: .7em; width: .7em; }
.k:not(:first-child) { margin-left: .9rem; }
.k.event { background: var(--accent); width: 1.4em; } .k.first { background: #2563eb; }
.k.mark { background: #facc15; border: 1px solid #422006; border-radius: 50%; }
.frames { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); }
figure { margin: 0; scroll-margin: 1rem; } figure:target { outline: 3px solid #facc15; }
.shown { align-items: center; aspect-ratio: 5 / 4; background: #000; border-radius: 6px;
 display: flex; justify-content: center; overflow: hidden; }
.shown div { position: relative; }
.shown img { display: block; height: auto; width: 100%; }
.shown .heat { position: absolute; }
.shown .box { border: 2px solid #ffd600; box-sizing: border-box; position: absolute; }
#heat:not(:checked) ~ .frames .heat, #heat:not(:checked) ~ .frames .box { display: none; }
figcaption { font-size: .9rem; padding: .3rem .1rem; }
footer { color: GrayText; font-size: .85rem; margin-top: 2rem; } code { overflow-wrap: anywhere; }
.events { font-size: .9rem; margin-top: .8rem; } .events a { color: inherit; }
@media print {
 body { font-size: 11pt; max-width: none; padding: 0; print-color-adjust: exact; }
 h2 { break-after: avoid; margin-top: 1.2rem; } figure, tr { break-inside: avoid; }
 .cards { gap: .4rem; grid-template-columns: repeat(5, 1fr); }
 .frames { gap: .6rem; grid-template-columns: repeat(3, 1fr); }
 #heat, #heat + label { display: none; }
}
"""


def _frames(figures: str) -> str:
    if not figures:
        return "<p>There is none to show.</p>"
    return (
        '<input type="checkbox" id="heat" checked> <label for="heat">Show what spoke for each '
        f'finding</label>\n<div class="frames">{figures}</div>'
    )


def _events(result: StudyResult) -> str:
    """List the events; a frame that is shown below is a link to it."""
    if not result.events:
        return ""
    shown = {key.frame.number for key in result.key_frames}
    several = len({one.series for one in result.events}) > 1
    rows = []
    for number, one in enumerate(result.events[:_MOST_EVENTS], 1):
        event, peak = one.event, one.peak.number
        frame = f"{peak:,}" if peak not in shown else f'<a href="#frame-{peak}">{peak:,}</a>'
        rows.append(
            f"<tr><td>{number}<td>{escape(finding(event.finding).label)}"
            f"<td>{clock(event.start_s)}<td>{event.end_s - event.start_s:.1f} s"
            f"<td>{event.peak_probability:.2f}<td>{frame}"
        )
    if len(result.events) > _MOST_EVENTS:
        rows.append(f"<tr><td><td colspan=5>and {len(result.events) - _MOST_EVENTS:,} more")
    begins = "begins, in its film or series" if several else "begins"
    return (
        f'<table class="events"><tr><th><th>event<th>{begins}<th>in view'
        f"<th>peak<th>at frame{''.join(rows)}</table>"
    )


def _reading(result: StudyResult) -> str:
    """Sum the study up for whoever reads nothing else."""
    cards = [(f"{result.total:,}", "frames", "")]
    if failed := result.total - result.scored:
        cards.append((f"{failed:,}", "without a verdict; reasons below", ""))
    if result.scored:
        fit = result.usable / result.scored
        cards.append((f"{fit:.0%}", "fit to be judged", _share(fit)))
    if result.duration_s is not None:
        cards.append((clock(result.duration_s), "duration", ""))
    for code in sorted({one.event.finding for one in result.events}):
        stays = [one.event for one in result.events if one.event.finding == code]
        seen_s = sum(event.end_s - event.start_s for event in stays)
        many = "stay" if len(stays) == 1 else "stays"
        cards.append(
            (f"{len(stays)}", f"{escape(finding(code).label)}: {many}, {seen_s:.0f} s in view", "")
        )
    for landmark in result.landmarks:
        first = landmark.first
        when = f"frame {first.number:,}" if first.time_s is None else clock(first.time_s)
        cards.append((when, f"{escape(finding(landmark.finding).label)} reached", ""))
    for code, share in result.view_quality.items():
        poor = code != "bbps-2-3"
        cards.append((f"{share:.0%}", escape(finding(code).label), _share(share, poor=poor)))
    if result.shortlist:
        saved = 1 - len(result.shortlist) / max(1, result.scored)
        cards.append(
            (f"{len(result.shortlist):,}", f"frames on the shortlist, {saved:.0%} fewer", "")
        )
    shown = (
        f'<div class="card"><b>{value}</b><span>{name}</span>{bar}</div>'
        for value, name, bar in cards
    )
    return f'<div class="cards">{"".join(shown)}</div>'


def _share(share: float, *, poor: bool = False) -> str:
    kind = "share poor" if poor else "share"
    return f'<div class="{kind}"><i style="width:{share:.1%}"></i></div>'


def _summary(result: StudyResult) -> str:
    rows = [("Scored", f"{result.scored:,}")]
    rows += [(f"Not read: {code}", f"{count:,}") for code, count in sorted(result.failures.items())]
    rows += [("Fit to be judged", f"{result.usable:,}")]
    rows += [(f"Not: {reason}", f"{count:,}") for reason, count in sorted(result.reasons.items())]
    rows.append(("Events", f"{len(result.events):,}"))
    rows.append(("Key frames", f"{len(result.key_frames):,}"))
    if result.shortlist:
        rows.append(("Shortlist", _ranges(result.shortlist)))
    cells = "".join(f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in rows)
    return f"<table>{cells}</table>"


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write numbers in order, runs of them as `5-9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _overlay(picture: KeyPicture) -> str:
    """Lay the heat map, and the box, over the picture: placed in shares of its sides."""
    parts = []
    if picture.heat is not None:
        out = io.BytesIO()
        picture.heat.picture.save(out, "PNG", optimize=True)
        place = _place(picture.heat.box, picture)
        parts.append(f'<img class="heat" alt="" style="{place}" src="{_url(out, "png")}">')
    if picture.box is not None:
        parts.append(f'<div class="box" style="{_place(picture.box, picture)}"></div>')
    return "".join(parts)


def _width(picture: KeyPicture) -> float:
    """Give how much of its field's width a picture takes, from 0 to 1, when it is shown in full."""
    height, width = picture.pixels.shape[:2]
    return min(1.0, float(width / height) / _ASPECT)


def _place(box: Box, picture: KeyPicture) -> str:
    height, width = picture.pixels.shape[:2]
    x0, y0, x1, y1 = box
    return (
        f"left:{x0 / width:.2%};top:{y0 / height:.2%};"
        f"width:{(x1 - x0) / width:.2%};height:{(y1 - y0) / height:.2%}"
    )


def _picture_url(picture: KeyPicture) -> str:
    image = Image.fromarray(picture.pixels)
    image.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return _url(out, "jpeg")


def _url(file: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
