"""What a clinician feels in a video: lesions pointed at, false alarms a minute, time to an alert.

The truth is a table beside the videos, one line for each stay of a lesion in view:

    video,lesion,finding,start_s,end_s
    exam-1.mp4,a,polyp,12.4,15.0
    exam-1.mp4,a,polyp,31.2,33.9
    exam-2.mp4,,,,

A lesion that comes back has several lines; a video without any has one line with its name alone.
The phantom's `truth.json` is read as well.
"""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from endolink.model import video
from endolink.model.classifier import Classifier
from endolink.model.errors import DataError, DataLayout
from endolink.model.findings import FINDINGS
from endolink.model.manifest import Figure
from endolink.model.temporal import Event, find_events

Progress = Callable[[int], None]
Span = tuple[float, float]

COLUMNS = ("video", "lesion", "finding", "start_s", "end_s")
# An alert that is shorter is not counted as a false one: nobody could look at it.
SHORTEST_ALARM_S = 0.5


@dataclass(frozen=True)
class Lesion:
    """One lesion in one video, and when it is in view, in seconds."""

    name: str
    finding: str
    spans: tuple[Span, ...]

    def shown(self, start_s: float, end_s: float) -> bool:
        """Say whether it is in view at some time of [start_s, end_s]."""
        return any(start < end_s and end > start_s for start, end in self.spans)


@dataclass(frozen=True)
class Film:
    """A video and the lesions that it shows."""

    path: Path
    lesions: tuple[Lesion, ...]


@dataclass(frozen=True)
class Watched:
    """What the stream's alerts would have been over one film, and how long it lasts."""

    film: Film
    duration_s: float
    frames: int
    events: tuple[Event, ...]


@dataclass(frozen=True)
class VideoFigures:
    """One finding over all films.

    `lesion-sensitivity` is the share of lesions for which an alert was on while they were in view,
    with Clopper & Pearson's exact interval; `false-alarms-per-minute` counts the alerts that came
    on while no such lesion was in view, and were on for at least `shortest_alarm_s` until one was
    or they ended, with Garwood's exact Poisson interval (1936); `median-seconds-to-alert` is from
    the lesion's first coming into view to the alert, over the lesions that had one, with the
    interval of the median's order statistics.
    """

    finding: str
    films: int
    minutes: float
    lesions: int
    shortest_alarm_s: float
    figures: tuple[Figure, ...]


def read_films(path: Path) -> tuple[Film, ...]:
    """Read the table, or the phantom's `truth.json`; videos lie beside it.

    Raises
    ------
    DataLayout
        It is no such table, a line is not a stay in view, or a video is not there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataLayout(f"{path}: the table of lesions cannot be read") from error
    rows = _from_truth(text, path) if path.suffix == ".json" else _from_table(text, path)
    spans: dict[str, dict[tuple[str, str], list[Span]]] = {}
    for name, lesion, finding, span in rows:
        if not (path.parent / name).is_file():
            raise DataLayout(f"{path}: there is no video {name!r} beside it")
        stays = spans.setdefault(name, {})
        if span is not None:
            stays.setdefault((lesion, finding), []).append(span)
    if not spans:
        raise DataLayout(f"{path}: no video is listed")
    return tuple(
        Film(
            path.parent / name,
            tuple(Lesion(*key, tuple(sorted(stay))) for key, stay in stays.items()),
        )
        for name, stays in spans.items()
    )


def seconds(film: Film) -> int:
    """Give the time of the last lesion: what is known of a film's length before it is read."""
    return max([0, *(int(end) + 1 for lesion in film.lesions for _, end in lesion.spans)])


def watch(
    classifier: Classifier,
    film: Film,
    *,
    every_s: float | None = None,
    progress: Progress | None = None,
) -> Watched:
    """Judge a film's frames, one in each `every_s` seconds or all, and find its alerts.

    `progress` is told the whole seconds of film as they are judged.

    Raises
    ------
    VideoError, ExtraMissing
        As `model.video.frames` says.
    """
    told = 0
    times: list[float] = []
    usable: list[bool] = []
    chances: dict[str, list[float]] = {code: [] for code in classifier.thresholds}
    for timed in video.frames(film.path, every_s=every_s):
        (verdict,) = classifier.judge([classifier.prepare(timed.frame)])
        times.append(timed.time_s)
        usable.append(verdict.usable)
        for finding in verdict.findings:
            chances[finding.code].append(finding.probability)
        while progress and told < timed.time_s:
            told += 1
            progress(1)
    events = find_events(times, chances, classifier.thresholds, usable=usable)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return Watched(film, times[-1] + step, len(times), tuple(events))


def measure(
    watched: Sequence[Watched],
    findings: Sequence[str],
    *,
    shortest_alarm_s: float = SHORTEST_ALARM_S,
) -> tuple[VideoFigures, ...]:
    """Measure each finding of kind lesion, and each that some film's truth tells."""
    told = {lesion.finding for item in watched for lesion in item.film.lesions}
    wanted = [code for code in findings if code in told or FINDINGS[code].kind == "lesion"]
    return tuple(_measure(watched, code, shortest_alarm_s) for code in wanted)


def _measure(watched: Sequence[Watched], code: str, shortest_alarm_s: float) -> VideoFigures:
    waits: list[float] = []
    lesions = alarms = 0
    for item in watched:
        alerts = [event for event in item.events if event.finding == code]
        mine = [lesion for lesion in item.film.lesions if lesion.finding == code]
        lesions += len(mine)
        for lesion in mine:
            seen = [event for event in alerts if lesion.shown(event.alert_s, event.end_s)]
            if seen:
                waits.append(max(0.0, seen[0].alert_s - lesion.spans[0][0]))
        alarms += sum(
            _alone_s(event, mine) >= shortest_alarm_s
            and not any(lesion.shown(event.start_s, event.alert_s) for lesion in mine)
            for event in alerts
        )
    minutes = sum(item.duration_s for item in watched) / 60
    figures = []
    if lesions:
        ends = stats.binomtest(len(waits), lesions).proportion_ci(method="exact")
        share = len(waits) / lesions
        figures.append(Figure("lesion-sensitivity", share, float(ends.low), float(ends.high), code))
    low = stats.chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0
    high = stats.chi2.ppf(0.975, 2 * alarms + 2) / 2
    rate = Figure(
        "false-alarms-per-minute", alarms / minutes, low / minutes, float(high) / minutes, code
    )
    figures.append(rate)
    if waits:
        figures.append(_median(sorted(waits), code))
    return VideoFigures(code, len(watched), minutes, lesions, shortest_alarm_s, tuple(figures))


def _alone_s(event: Event, lesions: Sequence[Lesion]) -> float:
    """Say how long an alert was on before a lesion came into view, in seconds.

    Somebody marked when a lesion came into view; an alert that is a few frames sooner is early and
    not false.
    """
    begins = [start for lesion in lesions for start, _ in lesion.spans if start >= event.alert_s]
    return min([event.end_s, *begins]) - event.alert_s


def _median(waits: Sequence[float], code: str) -> Figure:
    """Give the median with the order statistics that hold it in 95 % of draws, where there are."""
    count = len(waits)
    below = int(stats.binom.ppf(0.025, count, 0.5))
    value = float(np.median(waits))
    # Of fewer than six lesions not even the extremes hold it so often.
    if below < 1:
        return Figure("median-seconds-to-alert", value, finding=code)
    low, high = waits[below - 1], waits[count - below]
    return Figure("median-seconds-to-alert", value, low, high, code)


_Row = tuple[str, str, str, Span | None]


def _from_table(text: str, path: Path) -> list[_Row]:
    reader = csv.DictReader(text.splitlines())
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise DataLayout(f"{path}: expected the columns {','.join(COLUMNS)}")
    rows: list[_Row] = []
    for row in reader:
        line = reader.line_num
        if not row["finding"]:
            rows.append((row["video"], "", "", None))
            continue
        if row["finding"] not in FINDINGS:
            raise DataLayout(
                f"{path}, line {reader.line_num}: the finding is not in the vocabulary"
            )
        try:
            start_s, end_s = float(row["start_s"]), float(row["end_s"])
        except (TypeError, ValueError) as error:
            raise DataLayout(
                f"{path}, line {reader.line_num}: the times are not numbers"
            ) from error
        if not 0 <= start_s < end_s < np.inf:
            raise DataLayout(f"{path}, line {line}: the stay ends before it begins")
        rows.append((row["video"], row["lesion"], row["finding"], (start_s, end_s)))
    return rows


def _from_truth(text: str, path: Path) -> list[_Row]:
    """Read the phantom's truth: what each frame of the clip shows becomes stays in view."""
    try:
        clip = json.loads(text)["clip"]
        name, rate = str(clip["file"]), float(clip["frames_per_second"])
        shown = [set(frame["findings"]) for frame in clip["frames"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not the truth of a rendered clip") from error
    lesions = {code for frame in shown for code in frame if FINDINGS[code].kind == "lesion"}
    rows: list[_Row] = [(name, "", "", None)]
    for code in sorted(lesions):
        marks = np.array([False, *(code in frame for frame in shown), False])
        edges = np.flatnonzero(marks[1:] != marks[:-1]) / rate
        rows += [
            (name, code, code, (float(start), float(end)))
            for start, end in zip(edges[::2], edges[1::2], strict=True)
        ]
    return rows
