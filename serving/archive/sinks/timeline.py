"""A study's timeline as a drawing: events as bars, key frames and landmarks as marks."""

from collections.abc import Iterable
from html import escape
from typing import Final

from endolink.model.findings import finding
from endolink.serving.archive.study import FrameResult, StudyResult

_WIDTH: Final = 960
_ROW: Final = 26
_LABEL: Final = 210
_RIGHT: Final = 24
_AXIS: Final = 34
# A step of the axis that people count in, in seconds, or in frames.
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_STEPS: Final = tuple(step * 10**power for power in range(7) for step in (1, 2, 5))
_MOST_TICKS: Final = 9


def clock(seconds: float) -> str:
    """Write seconds as `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def draw(result: StudyResult) -> str:
    """Draw the study from left to right, each finding on a line of its own, as SVG.

    Series come one after the other, by their times; a study without times is drawn by the numbers
    of its frames.
    """
    axis = _Axis(result)
    codes = [one.event.finding for one in result.events]
    codes += [one.finding.code for one in result.key_frames if one.finding is not None]
    codes += [one.finding for one in result.landmarks]
    lines = sorted(dict.fromkeys(codes), key=lambda code: (finding(code).kind, code))
    if not lines:
        return "<p>Nothing was found that a timeline could show.</p>"
    height = len(lines) * _ROW + _AXIS
    parts = [_ticks(axis, height - _AXIS)]
    for row, code in enumerate(lines):
        parts += [_line(code, row), *_line_marks(result, axis, code, row * _ROW)]
    return (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Findings over the study">{"".join(parts)}</svg>'
        '<p class="legend"><span class="k event"></span> event: a finding stayed in view '
        '<span class="k mark"></span> key frame <span class="k first"></span> landmark reached</p>'
    )


class _Axis:
    """Where a moment of the study lies, in the drawing's units."""

    def __init__(self, result: StudyResult) -> None:
        frames = [one.frame for one in result.key_frames] + [one.peak for one in result.events]
        frames += [one for mark in result.landmarks for one in (mark.first, mark.best)]
        frames.sort(key=lambda frame: frame.number)
        self.timed = bool(frames) and all(frame.time_s is not None for frame in frames)
        ends: dict[str, float] = {frame.series: 0.0 for frame in frames}
        for frame in frames:
            ends[frame.series] = max(ends[frame.series], frame.time_s or 0.0)
        for event in result.events:
            ends[event.series] = max(ends.get(event.series, 0.0), event.event.end_s)
        self._starts: dict[str, float] = {}
        end = 0.0
        for series, last in ends.items():
            self._starts[series] = end
            end += last
        if self.timed:
            self.end = max(end, result.duration_s or 0.0, 1e-3)
        else:
            self.end = float(max(1, result.total - 1))
        self._scale = (_WIDTH - _LABEL - _RIGHT) / self.end

    def at(self, moment: float, series: str = "") -> float:
        """Give where `moment` of a series lies, from the left."""
        return _LABEL + (self._starts.get(series, 0.0) + moment) * self._scale

    def of(self, frame: FrameResult) -> float:
        """Give where a frame lies, from the left."""
        if self.timed and frame.time_s is not None:
            return self.at(frame.time_s, frame.series)
        return _LABEL + frame.number * self._scale

    def say(self, frame: FrameResult) -> str:
        """Say when, or which, a frame is."""
        return clock(frame.time_s) if frame.time_s is not None else f"frame {frame.number}"

    @property
    def ticks(self) -> Iterable[tuple[float, str]]:
        """Give where the axis has its marks, and what they say."""
        steps = _STEPS_S if self.timed else _STEPS
        step = next((one for one in steps if self.end / one <= _MOST_TICKS), steps[-1])
        for number in range(int(self.end / step) + 1):
            moment = float(number * step)
            said = clock(moment) if self.timed else f"{int(moment):,}"
            yield _LABEL + moment * self._scale, said


def _ticks(axis: _Axis, bottom: int) -> str:
    return "".join(
        f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom + 4}"/>'
        f'<text class="when" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{said}</text>'
        for x, said in axis.ticks
    )


def _line(code: str, row: int) -> str:
    middle = row * _ROW + _ROW // 2
    known = finding(code)
    return (
        f'<text x="0" y="{middle + 5}">{escape(known.label)}</text>'
        f'<line class="rail" x1="{_LABEL}" x2="{_WIDTH - _RIGHT}" y1="{middle}" y2="{middle}"/>'
    )


def _line_marks(result: StudyResult, axis: _Axis, code: str, top: int) -> Iterable[str]:
    middle = top + _ROW // 2
    kind = finding(code).kind
    for stay in result.events:
        event = stay.event
        if event.finding == code:
            left, right = (axis.at(at, stay.series) for at in (event.start_s, event.end_s))
            yield (
                f'<rect class="event {kind}" x="{left:.1f}" y="{middle - 7}" '
                f'width="{max(3.0, right - left):.1f}" height="14" rx="3"><title>'
                f"{clock(event.start_s)} to {clock(event.end_s)}, at most "
                f"{event.peak_probability:.2f}</title></rect>"
            )
    for mark in result.landmarks:
        if mark.finding == code:
            x = axis.of(mark.first)
            yield (
                f'<path class="first" d="M{x:.1f} {middle - 9}v18m0-18l9 4-9 4">'
                f"<title>reached, {axis.say(mark.first)}</title></path>"
            )
    for key in result.key_frames:
        if key.finding is not None and key.finding.code == code:
            x = axis.of(key.frame)
            yield (
                f'<a href="#frame-{key.frame.number}"><circle class="mark" cx="{x:.1f}" '
                f'cy="{middle}" r="4.5"><title>key frame {key.frame.number}, '
                f"{key.finding.probability:.2f}</title></circle></a>"
            )
