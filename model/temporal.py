"""Verdicts over time: when a finding is announced, when it is taken back, and what is kept of it.

A network's verdict flickers from frame to frame, and a person should be told once and clearly. Each
finding's evidence, its log-odds over those of its threshold, is smoothed in time; two levels and
two durations then decide when its alert comes on and goes off (a Schmitt trigger with delays).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Final

from endolink.model.errors import TimeBackwards

# Probabilities nearer to 0 or 1 than this say no more than it does; it keeps log-odds finite.
_CERTAIN: Final = 1e-6


@dataclass(frozen=True)
class TemporalRule:
    """The constants of alerting, in seconds and in log-odds.

    The smoothing and the rise together put an alert about a quarter of a second after the finding
    comes into view: EndoMind is published with 217 ms to its first detection, GI Genius with
    1,050 ms. Raises ValueError for a value out of range.

    Attributes
    ----------
    time_constant_s
        Evidence is forgotten by 1/e in this time: two or three frames of a live stream, enough that
        one odd frame neither raises nor ends anything.
    rise_s
        Smoothed evidence stays above the threshold this long before the alert comes on, at a frame
        that passes the threshold itself: one frame alone is never enough, however slowly they come.
    hold_s
        Once on, an alert stays at least this long. Over 90 % of a commercial assistant's
        activations last less than half a second, too short to look at; a second is not.
    release
        The alert goes off when the evidence has fallen this far below the threshold: 1, the odds
        e times less, so that a finding hovering about its threshold does not come and go.
    forget_s
        Without a frame that counts for this long, an alert ends and the smoothing starts anew. It
        outlasts a lost second of a link and a burst of blurred frames; frames further apart than
        this never make an alert.
    most
        No frame's evidence counts for more than this, for or against, so that one certain frame
        does not outweigh many.
    """

    time_constant_s: float = 0.1
    rise_s: float = 0.15
    hold_s: float = 1.0
    release: float = 1.0
    forget_s: float = 1.5
    most: float = 3.0

    def __post_init__(self) -> None:
        if not (self.time_constant_s > 0 and self.rise_s > 0 and self.most > 0):
            raise ValueError("time_constant_s, rise_s and most must be above 0")
        if not (0 <= self.release < self.most):
            raise ValueError("release must be at least 0 and below most, or no alert would end")
        if not (0 <= self.hold_s <= self.forget_s and isfinite(self.forget_s)):
            raise ValueError("hold_s must be between 0 and forget_s")


@dataclass(frozen=True)
class Event:
    """One stay of a finding in view.

    `start_s` is the first frame of the rise that led to the alert, `alert_s` when the alert came on
    and `end_s` when it went off. The peak is the highest single probability between start and end.
    """

    finding: str
    start_s: float
    alert_s: float
    end_s: float
    peak_s: float
    peak_probability: float


@dataclass(frozen=True)
class Change:
    """An alert that came on, or one that went off, with the event that it closes."""

    finding: str
    time_s: float
    event: Event | None = None

    @property
    def present(self) -> bool:
        return self.event is None


class Watch:
    """What is known, frame by frame, of each finding in one stream or one study.

    `thresholds` gives each finding's operating point, a probability. A live stream feeds `update`
    one frame at a time and acts on what it returns; a study is fed whole by `find_events`.
    """

    def __init__(
        self, thresholds: Mapping[str, float], rule: TemporalRule = TemporalRule()
    ) -> None:
        self._rule = rule
        self._tracks = {code: _Track(code, at, rule) for code, at in thresholds.items()}
        self._time_s: float | None = None

    @property
    def present(self) -> frozenset[str]:
        """The findings whose alert is on."""
        return frozenset(code for code, track in self._tracks.items() if track.alert_s is not None)

    def update(
        self, time_s: float, probabilities: Mapping[str, float], *, usable: bool = True
    ) -> tuple[Change, ...]:
        """Take in one frame's probabilities; return the alerts that came on or went off.

        A frame that is not usable counts where it shows a finding and not where it shows none: blur
        hides a polyp, and quality never silences a finding. Frames may come at any interval, and
        dropped ones need not be told. Raises TimeBackwards where `time_s` is before the last
        frame's, ValueError where a probability is not one, KeyError where a finding has none.
        """
        values = {code: float(probabilities[code]) for code in self._tracks}
        for code, value in values.items():
            if not 0 <= value <= 1:
                raise ValueError(f"the probability of {code} is {value}")
        self._advance(time_s)
        tracks = self._tracks.items()
        return tuple(
            c for code, track in tracks for c in track.update(time_s, values[code], usable)
        )

    def elapse(self, time_s: float) -> tuple[Change, ...]:
        """Take in that it is `time_s` and no frame has come; return the alerts that this ends.

        A live stream that has gone silent calls it; where frames come, `update` needs no help.
        Raises TimeBackwards as `update` does.
        """
        self._advance(time_s)
        return tuple(c for track in self._tracks.values() for c in track.elapse(time_s))

    def adopt(self, thresholds: Mapping[str, float]) -> tuple[Change, ...]:
        """Go on with another network, whose operating points are `thresholds`.

        An alert that is on stays on until the new network's evidence ends it: nobody saw the
        finding leave. Smoothed evidence, counted from each network's own threshold, goes on as
        well, and is the new one's after a few time constants. What the new network does not know
        nobody judges any more: its alert ends at the last frame. Returns the alerts that this ends.
        """
        before, time_s = self._tracks, self._time_s
        self._tracks = {}
        for code, at in thresholds.items():
            track = before.pop(code) if code in before else _Track(code, at, self._rule)
            track.judge_from(at)
            self._tracks[code] = track
        if time_s is None:
            return ()
        return tuple(c for track in before.values() for c in track.finish(time_s))

    def finish(self) -> tuple[Change, ...]:
        """Close what is still on at the time of the last frame, and start anew.

        Only this can end an event before it has lasted `hold_s`.
        """
        time_s, self._time_s = self._time_s, None
        if time_s is None:
            return ()
        return tuple(c for track in self._tracks.values() for c in track.finish(time_s))

    def _advance(self, time_s: float) -> None:
        if not isfinite(time_s) or (self._time_s is not None and time_s < self._time_s):
            raise TimeBackwards(
                f"The time {time_s} s follows {self._time_s} s; feed frames in their order."
            )
        self._time_s = time_s


def find_events(
    times_s: Sequence[float],
    probabilities: Mapping[str, Sequence[float]],
    thresholds: Mapping[str, float],
    *,
    usable: Sequence[bool] | None = None,
    rule: TemporalRule = TemporalRule(),
) -> list[Event]:
    """Find the events of a whole study, in the order of their start.

    Every finding of `thresholds` has one probability for each of `times_s`. The result is what a
    live watch would have announced. Raises as `Watch.update`.
    """
    watch = Watch(thresholds, rule)
    changes: list[Change] = []
    for index, time_s in enumerate(times_s):
        frame = {code: probabilities[code][index] for code in thresholds}
        changes += watch.update(time_s, frame, usable=usable is None or usable[index])
    changes += watch.finish()
    events = [change.event for change in changes if change.event is not None]
    return sorted(events, key=lambda event: (event.start_s, event.finding))


class _Track:
    """One finding's evidence and alert."""

    def __init__(self, finding: str, threshold: float, rule: TemporalRule) -> None:
        self.finding = finding
        self.rule = rule
        self.judge_from(threshold)
        self.level: float | None = None  # the smoothed evidence, and when it was last renewed
        self.counted_s = 0.0
        self.rise_s: float | None = None  # since when the level has been above the threshold
        self.alert_s: float | None = None
        self.peak = (0.0, 0.0)

    def judge_from(self, threshold: float) -> None:
        """Count evidence from `threshold` from now on."""
        if not 0 <= threshold <= 1:
            raise ValueError(f"the threshold of {self.finding} is {threshold}, not a probability")
        self.zero = _log_odds(threshold)

    def finish(self, time_s: float) -> list[Change]:
        self.level = None
        return self._close(time_s)

    def elapse(self, time_s: float) -> list[Change]:
        if self.level is None or time_s - self.counted_s <= self.rule.forget_s:
            return []
        return self.finish(self.counted_s + self.rule.forget_s)

    def update(self, time_s: float, probability: float, usable: bool) -> list[Change]:
        rule = self.rule
        changes = self.elapse(time_s)
        evidence = max(-rule.most, min(rule.most, _log_odds(probability) - self.zero))
        if not usable and evidence < 0:
            return changes
        if self.level is None:
            self.level = evidence
        else:
            kept = exp((self.counted_s - time_s) / rule.time_constant_s)
            self.level = kept * self.level + (1 - kept) * evidence
        self.counted_s = time_s
        return changes + self._decide(self.level, evidence >= 0, time_s, probability)

    def _decide(
        self, level: float, passes: bool, time_s: float, probability: float
    ) -> list[Change]:
        if self.alert_s is None and level < 0:
            self.rise_s = None
            return []
        if self.rise_s is None:
            self.rise_s = time_s
            self.peak = (-1.0, time_s)
        if probability > self.peak[0]:
            self.peak = (probability, time_s)
        if self.alert_s is None:
            if not passes or time_s - self.rise_s < self.rule.rise_s:
                return []
            self.alert_s = time_s
            return [Change(self.finding, time_s)]
        if level < -self.rule.release and time_s - self.alert_s >= self.rule.hold_s:
            return self._close(time_s)
        return []

    def _close(self, time_s: float) -> list[Change]:
        rise_s, alert_s, (probability, peak_s) = self.rise_s, self.alert_s, self.peak
        self.rise_s = self.alert_s = None
        if rise_s is None or alert_s is None:
            return []
        event = Event(self.finding, rise_s, alert_s, time_s, peak_s, probability)
        return [Change(self.finding, time_s, event)]


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return log(inside / (1 - inside))
