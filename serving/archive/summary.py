"""A reader's view of a study: its events, and which of its frames are worth looking at.

The frames are gone through twice, in order and one at a time, so that a study's length costs time
and hardly any memory: what is kept of a frame is a few numbers.
"""

from bisect import bisect, bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from math import inf
from typing import Final

from endolink.model.similarity import SAME_SCENE, distance
from endolink.model.temporal import Event, Watch
from endolink.model.verdict import FindingVerdict, ModelIdentity, Verdict
from endolink.serving.archive.sights import Descriptor, Sight, Sights
from endolink.serving.archive.study import (
    Failure,
    FrameResult,
    KeyFrame,
    Landmark,
    StudyEvent,
    StudyResult,
    evidence,
    worth_showing,
)

Frames = Callable[[], Iterator[tuple[FrameResult, Descriptor | None]]]

# A page of a report; a reader who wants more has the shortlist.
KEY_FRAMES: Final = 24
# Scenes that compete for being key frames, for each finding.
_COMPETITORS: Final = 64
# A shortlist is at most this share of the study's frames: what the best capsule software leaves
# (OMOM VUE Smart drops up to 90 %).
SHORTLIST_SHARE: Final = 0.10
# A study of no more frames than this has none: its key frames are as few, and keep more.
SHORT: Final = round(KEY_FRAMES / SHORTLIST_SHARE)

# So many frames without a finding end its burst: less is a blink, a blur, a drop on the lens.
_GAP: Final = 10
# Of so many frames between the scenes one is on the shortlist too, the one that comes nearest to a
# lesion: a capsule's ten seconds. What the model hardly sees, a reader then still meets.
STRETCH: Final = 20


@dataclass(frozen=True)
class Scene:
    """A run of near-identical frames that show one thing: its best frame, and how that looks."""

    number: int
    evidence: float
    descriptor: Descriptor = field(repr=False, compare=False)


def summarise(key: str, pseudonym: str, model: ModelIdentity, frames: Frames) -> StudyResult:
    """Sum up the study whose frames `frames` gives, as often as it is called, in their order."""
    first = _FirstPass()
    for frame, descriptor in frames():
        first.take(frame, descriptor)
    first.finish()
    chosen = choose_key_frames(first.scenes)
    if not chosen and first.clearest is not None:
        chosen = {first.clearest[1]: None}
    shown = _Shown(first, set(chosen))
    for frame, _ in frames():
        shown.take(frame)
    return StudyResult(
        key=key,
        pseudonym=pseudonym,
        model=model,
        frames=_Frames(frames),
        scored=first.scored,
        usable=first.usable,
        failures=dict(sorted(first.failures.items())),
        reasons=dict(sorted(first.reasons.items())),
        duration_s=sum(first.durations.values()) if first.durations else None,
        events=shown.events(),
        key_frames=tuple(
            KeyFrame(shown.frames[number], _of(shown.frames[number], code))
            for number, code in sorted(chosen.items())
        ),
        landmarks=tuple(
            Landmark(code, shown.frames[seen.stay[0]], shown.frames[seen.stay[1]])
            for code, seen in first.landmarks.items()
            if seen.stay is not None
        ),
        view_quality={
            code: count / first.usable if first.usable else 0.0
            for code, count in first.view_quality.items()
        },
        shortlist=choose_shortlist(
            first.lesions.ranked, first.scored, first.between, first.sights.ended
        )
        if first.scored > SHORT
        else (),
    )


def choose_key_frames(
    scenes: Mapping[str, list[Scene]], most: int = KEY_FRAMES, threshold: float = SAME_SCENE
) -> dict[int, str | None]:
    """Choose frames, by number, and the finding each is for; at most `most`.

    Findings take turns, each with its best scene that resembles none chosen for it so far.
    """
    chosen: dict[int, str | None] = {}
    taken: dict[str, list[Descriptor]] = {code: [] for code in scenes}
    waiting = {
        code: sorted(found, key=lambda scene: (-scene.evidence, scene.number))
        for code, found in scenes.items()
    }
    while len(chosen) < most and any(waiting.values()):
        for code, queue in waiting.items():
            while queue and len(chosen) < most:
                scene = queue.pop(0)
                alike = (distance(scene.descriptor, other) for other in taken[code])
                if scene.number in chosen or any(apart <= threshold for apart in alike):
                    continue
                taken[code].append(scene.descriptor)
                chosen[scene.number] = code
                break
    return chosen


def choose_shortlist(
    scenes: list[tuple[int, float, bool]],
    frames: int,
    between: Sequence[tuple[int, float]] = (),
    sights: Sequence[Sight] = (),
    share: float = SHORTLIST_SHARE,
) -> tuple[int, ...]:
    """Choose the frames that a reader of a long study would look at: their numbers, in order.

    `scenes` are (number of the best frame, its evidence, whether it is its burst's best), in any
    order, of a study of `frames` frames, and `between` the best frames of the stretches between
    them. The best of every burst goes first, then the other scenes by their evidence, then what
    lies between by its own, and then of every sight that none of these is of, as long as they fit
    into `share` of the frames: what the model does not see at all looks like nothing around it.
    """
    most = int(frames * share)
    ranked = [number for number, *_ in sorted(scenes, key=lambda s: (not s[2], -s[1], s[0]))]
    ranked += [number for number, _ in sorted(between, key=lambda one: (-one[1], one[0]))]
    chosen = sorted(ranked[:most])
    unseen = [
        sight for sight in sights if bisect_left(chosen, sight.first) == bisect(chosen, sight.last)
    ]
    unseen.sort(key=lambda sight: (-sight.evidence, sight.best))
    chosen += [sight.best for sight in unseen[: most - len(chosen)]]
    return tuple(sorted(chosen))


class Scenes:
    """Collapses a finding's near-identical frames as they come; `closed` is told of each scene."""

    def __init__(self, closed: Callable[[Scene], None]) -> None:
        self._closed = closed
        self._best: Scene | None = None
        self._anchor: Descriptor | None = None
        self._last = 0

    def take(self, number: int, value: float, descriptor: Descriptor) -> None:
        """Take the frame `number`, which shows the finding with evidence `value`, or nearly."""
        if self._anchor is not None:
            moved = distance(self._anchor, descriptor) > SAME_SCENE
            if moved or number - self._last > _GAP:
                self.close()
        if self._anchor is None:
            self._anchor = descriptor
        if self._best is None or value > self._best.evidence:
            self._best = Scene(number, value, descriptor)
        self._last = number

    def close(self) -> None:
        """End the scene that is open."""
        if self._best is not None:
            self._closed(self._best)
        self._best = self._anchor = None


class _Best:
    """A finding's strongest scenes, no more than compete."""

    def __init__(self) -> None:
        self.scenes = Scenes(self._keep)
        self._heap: list[tuple[float, int, Scene]] = []

    @property
    def found(self) -> list[Scene]:
        return [scene for _, _, scene in self._heap]

    def _keep(self, scene: Scene) -> None:
        entry = (scene.evidence, -scene.number, scene)
        if len(self._heap) < _COMPETITORS:
            heappush(self._heap, entry)
        else:
            heappushpop(self._heap, entry)


class _Bursts:
    """All scenes of all lesions together, and which of them is the best of its burst."""

    def __init__(self) -> None:
        self.ranked: list[tuple[int, float, bool]] = []
        self._scenes = Scenes(lambda scene: self._open.append((scene.number, scene.evidence)))
        self._open: list[tuple[int, float]] = []
        self._shown: int | None = None

    def take(self, number: int, value: float, descriptor: Descriptor) -> None:
        if value >= 0:
            if self._shown is not None and number - self._shown > _GAP:
                self.close()
            self._shown = number
        self._scenes.take(number, value, descriptor)

    def close(self) -> None:
        self._scenes.close()
        if self._open:
            best = max(self._open, key=lambda scene: scene[1])
            self.ranked += [(*scene, scene is best and scene[1] >= 0) for scene in self._open]
        self._open = []


class _Stays:
    """A landmark's stays in view: the one that shows it best, as (first frame, best frame)."""

    def __init__(self) -> None:
        self.stay: tuple[int, int] | None = None
        self._best = 0.0
        self._first = self._last = -_GAP - 1

    def take(self, number: int, value: float) -> None:
        if value < 0:
            return
        if number - self._last > _GAP:
            self._first = number
        self._last = number
        if self.stay is None or value > self._best:
            self._best = value
            self.stay = (self._first, number)


class _FirstPass:
    """What is counted, and what competes, while the frames go by for the first time."""

    def __init__(self) -> None:
        self.scored = self.usable = 0
        self.failures: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.view_quality: dict[str, int] = {}
        self.landmarks: dict[str, _Stays] = {}
        self.durations: dict[str, float] = {}
        self.events: list[tuple[str, Event]] = []
        self.lesions = _Bursts()
        self.sights = Sights()
        self.clearest: tuple[float, int] | None = None
        self._stretches: dict[int, tuple[int, float]] = {}
        self._best: dict[str, _Best] = {}
        self._series: str | None = None
        self._watch: Watch | None = None

    @property
    def scenes(self) -> dict[str, list[Scene]]:
        return {code: best.found for code, best in self._best.items() if best.found}

    @property
    def between(self) -> list[tuple[int, float]]:
        """The best frame, by number, and its evidence, of every stretch without a scene."""
        told = {number // STRETCH for number, _, _ in self.lesions.ranked}
        return [best for stretch, best in self._stretches.items() if stretch not in told]

    def take(self, frame: FrameResult, descriptor: Descriptor | None) -> None:
        verdict = frame.outcome
        if isinstance(verdict, Failure):
            self.failures[verdict.code] += 1
            return
        self.scored += 1
        self.usable += verdict.usable
        self.reasons.update(verdict.reasons)
        for finding in verdict.findings:
            self._count(frame.number, finding, verdict.usable)
        lesions = [f for f in verdict.findings if f.kind not in {"landmark", "view-quality"}]
        value = max(map(evidence, lesions), default=-inf)
        self._stretch(frame.number, value)
        if verdict.usable and (self.clearest is None or verdict.familiarity > self.clearest[0]):
            self.clearest = (verdict.familiarity, frame.number)
        if descriptor is not None:
            self._compete(frame.number, verdict, descriptor)
            if frame.time_s is not None:
                self.sights.take(frame.number, value, descriptor)
        if frame.time_s is not None:
            self._watch_over(frame.series, frame.time_s, verdict)

    def finish(self) -> None:
        self._end_series()
        self.lesions.close()
        self.sights.close()
        for best in self._best.values():
            best.scenes.close()

    def _stretch(self, number: int, value: float) -> None:
        if value > self._stretches.get(number // STRETCH, (0, -inf))[1]:
            self._stretches[number // STRETCH] = (number, value)

    def _count(self, number: int, finding: FindingVerdict, usable: bool) -> None:
        if finding.kind == "view-quality":
            shown = finding.present and usable
            self.view_quality[finding.code] = self.view_quality.get(finding.code, 0) + shown
        elif finding.kind == "landmark":
            self.landmarks.setdefault(finding.code, _Stays()).take(number, evidence(finding))

    def _compete(self, number: int, verdict: Verdict, descriptor: Descriptor) -> None:
        lesion: float | None = None
        for finding in verdict.findings:
            value = evidence(finding)
            if not worth_showing(finding):
                continue
            if finding.kind != "landmark":
                lesion = value if lesion is None else max(lesion, value)
            if value >= 0:
                self._best.setdefault(finding.code, _Best()).scenes.take(number, value, descriptor)
        if lesion is not None:
            self.lesions.take(number, lesion, descriptor)

    def _watch_over(self, series: str, time_s: float, verdict: Verdict) -> None:
        findings = [f for f in verdict.findings if f.kind != "view-quality"]
        if series != self._series or self._watch is None:
            self._end_series()
            self._series, self._start_s, self._time_s = series, time_s, time_s
            self._watch = Watch({finding.code: finding.threshold for finding in findings})
        # A clock that goes back is a fault of the file's; time stands still until it is caught up.
        self._time_s = max(self._time_s, time_s)
        self.durations[series] = self._time_s - self._start_s
        probabilities = {finding.code: finding.probability for finding in findings}
        changes = self._watch.update(self._time_s, probabilities, usable=verdict.usable)
        self._note(change.event for change in changes)

    def _end_series(self) -> None:
        if self._watch is not None:
            self._note(change.event for change in self._watch.finish())

    def _note(self, events: Iterable[Event | None]) -> None:
        self.events += [(self._series or "", event) for event in events if event is not None]


class _Shown:
    """The frames that are shown, picked out while all go by for the second time."""

    def __init__(self, first: _FirstPass, chosen: set[int]) -> None:
        stays = (seen.stay for seen in first.landmarks.values())
        self._numbers = chosen | {number for stay in stays if stay is not None for number in stay}
        self._events = first.events
        self._peaks = {(series, event.peak_s) for series, event in first.events}
        self._at: dict[tuple[str, float], list[FrameResult]] = {}
        self.frames: dict[int, FrameResult] = {}

    def take(self, frame: FrameResult) -> None:
        if frame.number in self._numbers:
            self.frames[frame.number] = frame
        if frame.time_s is not None and (frame.series, frame.time_s) in self._peaks:
            self._at.setdefault((frame.series, frame.time_s), []).append(frame)

    def events(self) -> tuple[StudyEvent, ...]:
        found = [
            StudyEvent(where, event, self._peak(where, event)) for where, event in self._events
        ]
        return tuple(sorted(found, key=lambda e: (e.peak.number, e.event.finding)))

    def _peak(self, series: str, event: Event) -> FrameResult:
        def probability(frame: FrameResult) -> float:
            finding = _of(frame, event.finding)
            return -1.0 if finding is None else finding.probability

        return max(self._at[series, event.peak_s], key=probability)


class _Frames:
    """A study's frames, as often as they are iterated over."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def __iter__(self) -> Iterator[FrameResult]:
        return (frame for frame, _ in self._frames())


def _of(frame: FrameResult, code: str | None) -> FindingVerdict | None:
    if isinstance(frame.outcome, Failure):
        return None
    return next((f for f in frame.outcome.findings if f.code == code), None)
