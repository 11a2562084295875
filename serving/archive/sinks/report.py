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
from endolink.model.findings import finding
from endolink.serving.archive.egress import DataKind, EgressSettings, require
from endolink.serving.archive.picture import Reading, readable
from endolink.serving.archive.sinks import whole
from endolink.serving.archive.sinks.pictures import KeyPicture, key_pictures
from endolink.serving.archive.study import StudyEvent, StudyResult

_SIDE: Final = 480
_WIDTH, _ROW = 960, 22


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
<h1>Study {escape(result.pseudonym)}</h1>
<p class="notice">{escape(result.notice)}</p>
</header>
<main>
<section><h2>Summary</h2>{_summary(result)}</section>
<section><h2>Timeline</h2>{_timeline(result)}</section>
<section><h2>Key frames</h2>
{f'<div class="frames">{figures}</div>' if figures else "<p>There is none to show.</p>"}</section>
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
        where = f"Frame {key.frame.number}"
        if key.frame.time_s is not None:
            where += f", {clock(key.frame.time_s)}"
        source = ""
        if self._identifiers:
            source = f"<br><code>{escape(readable(key.frame.locator))}</code>"
        return (
            f'<figure><img alt="{escape(where)}" src="{_data_url(picture)}">'
            f"<figcaption>{said}<br>{where}{source}</figcaption></figure>\n"
        )


_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.notice { border-left: 4px solid #d9a400; padding: .3rem .8rem; }
table { border-collapse: collapse; } td, th { padding: .15rem 1.2rem .15rem 0; text-align: left; }
td:last-child { font-variant-numeric: tabular-nums; }
.frames { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
figure { margin: 0; } img { width: 100%; height: auto; background: #000; border-radius: 4px; }
figcaption { font-size: .9rem; } svg { width: 100%; height: auto; } svg text { fill: currentColor; }
footer { color: GrayText; font-size: .85rem; margin-top: 2rem; } code { overflow-wrap: anywhere; }
@media print { figure { break-inside: avoid; } }
"""


def clock(seconds: float) -> str:
    """Write seconds as `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _summary(result: StudyResult) -> str:
    usable = f"{result.usable / result.scored:.0%}" if result.scored else "-"
    rows = [("Frames", f"{result.total:,}"), ("Scored", f"{result.scored:,}")]
    rows += [(f"Not read: {code}", f"{count:,}") for code, count in sorted(result.failures.items())]
    rows += [("Fit to be judged", usable)]
    rows += [(f"Not: {reason}", f"{count:,}") for reason, count in sorted(result.reasons.items())]
    if result.duration_s is not None:
        rows.append(("Duration", clock(result.duration_s)))
    rows += [
        (f"{finding(code).label}, of frames fit to be judged", f"{share:.0%}")
        for code, share in result.view_quality.items()
    ]
    for landmark in result.landmarks:
        first = landmark.first
        when = f"frame {first.number}" if first.time_s is None else clock(first.time_s)
        rows.append((f"{finding(landmark.finding).label} reached", when))
    rows.append(("Events", f"{len(result.events):,}"))
    if result.shortlist:
        rows.append(("Frames to look at", f"{len(result.shortlist):,}"))
    cells = "".join(f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in rows)
    return f"<table>{cells}</table>"


def _timeline(result: StudyResult) -> str:
    """Draw each finding's events as bars on a line of its own, series one after the other."""
    if not result.events:
        return "<p>No event was found, or no times are known.</p>"
    starts: dict[str, float] = {}
    end = 0.0
    for series in dict.fromkeys(event.series for event in result.events):
        starts[series] = end
        end += max(e.event.end_s for e in result.events if e.series == series)
    end = max(end, result.duration_s or 0.0, 1e-3)
    lines = list(dict.fromkeys(event.event.finding for event in result.events))
    label = 200
    scale = (_WIDTH - label - 10) / end
    parts = []
    for row, code in enumerate(lines):
        y = row * _ROW
        parts.append(
            f'<text x="0" y="{y + 16}" font-size="14">{escape(finding(code).label)}</text>'
        )
        parts.append(
            f'<rect x="{label}" y="{y + 10}" width="{end * scale:.1f}" height="2" fill="#8888"/>'
        )
        parts += [
            _bar(event, label + starts[event.series] * scale, y, scale)
            for event in result.events
            if event.event.finding == code
        ]
    height = len(lines) * _ROW + 24
    parts.append(f'<text x="{label}" y="{height - 6}" font-size="12">0:00:00</text>')
    parts.append(
        f'<text x="{_WIDTH - 10}" y="{height - 6}" font-size="12" text-anchor="end">'
        f"{clock(end)}</text>"
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Events over time">'
        f"{''.join(parts)}</svg>"
    )


def _bar(event: StudyEvent, left: float, y: int, scale: float) -> str:
    one = event.event
    width = max(3.0, (one.end_s - one.start_s) * scale)
    return (
        f'<rect x="{left + one.start_s * scale:.1f}" y="{y + 4}" width="{width:.1f}" height="14" '
        f'rx="2" fill="#c2410c"><title>{clock(one.start_s)} to {clock(one.end_s)}, '
        f"at most {one.peak_probability:.2f}</title></rect>"
    )


def _data_url(picture: KeyPicture) -> str:
    image = Image.fromarray(picture.marked)
    image.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
