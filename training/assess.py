"""Everything that is measured of a model in one evaluation, from frames to a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from endolink.model.classifier import Classifier
from endolink.training import lesions, localisation, mistakes
from endolink.training.curves import curves
from endolink.training.datasets.samples import Sample
from endolink.training.evaluate import Scored, reduced_decode, score
from endolink.training.intervals import Bootstrap
from endolink.training.outside import Flagged, flag, open_outside
from endolink.training.report import Acceptance, Report, Shown
from endolink.training.run import measure
from endolink.training.stress import Stressed, choose, draw, stress
from endolink.training.support import thin


class Display(Protocol):
    """Where an evaluation tells how far it is."""

    def stage(self, what: str, total: int) -> Callable[[int], None]:
        """Begin a stage of `total` frames; call what is given with each number finished."""


@dataclass(frozen=True)
class Plan:
    """What to measure beside the figures of labelled frames.

    `corruptions` are stressed, all where none is named and `stressed` is True, on at most
    `stress_frames` frames. `outside` are kinds of frames from outside, words or folders, as
    `outside.open_outside` has them. `films` is a table of lesions in videos, judged one frame in
    each `every_s` seconds or all.
    """

    stressed: bool = False
    corruptions: tuple[str, ...] = ()
    stress_frames: int = 500
    decode: bool = False
    outside: tuple[str, ...] = ()
    films: Path | None = None
    every_s: float | None = None
    shortest_alarm_s: float = lesions.SHORTEST_ALARM_S
    pictures: bool = False
    seed: int = 0


def assess(
    classifier: Classifier,
    samples: Sequence[Sample],
    groups: Sequence[str] | None,
    *,
    what: str,
    plan: Plan,
    display: Display,
) -> tuple[Report, Scored]:
    """Judge the samples and measure all that `plan` asks for; `what` says what the samples are.

    Raises
    ------
    DataError, VideoError
        What is named in `plan` or in the samples cannot be read.
    """
    # What is misspelt is said before the work, not after it.
    corruptions = choose(plan.corruptions)
    outside = [open_outside(name) for name in plan.outside]
    films = lesions.read_films(plan.films) if plan.films else ()

    scored = score(classifier, samples, groups, display.stage("score", len(samples)))
    judged = scored.judged()
    codes = judged.findings
    looked: tuple[localisation.Looked, ...] = ()
    if outlined := sum(bool(localisation.outlined(sample, codes)) for sample in samples):
        done = display.stage("where it looks", outlined)
        looked = localisation.look(classifier, samples, scored.groups, done)
    stressed: tuple[Stressed, ...] = ()
    if plan.stressed or plan.corruptions:
        rows = draw(plan.stress_frames, [sample.file for sample in samples])
        stressed = stress(
            classifier,
            [samples[row] for row in rows],
            [scored.groups[row] for row in rows],
            corruptions,
            seed=plan.seed,
            progress=display.stage("stress", len(rows)),
        )
    decode = None
    if plan.decode:
        done = display.stage("decode in full", len(samples))
        decode = reduced_decode(classifier, scored, done)
    flagged = [flag(classifier, item, display.stage(item.kind, item.count)) for item in outside]
    watched = [
        lesions.watch(
            classifier,
            film,
            every_s=plan.every_s,
            progress=display.stage(f"watch {film.path.name}, seconds", lesions.seconds(film)),
        )
        for film in films
    ]
    wrong = mistakes.worst(judged, samples)
    if plan.pictures and wrong:
        done = display.stage("worst mistakes", len(wrong))
        wrong = mistakes.illustrate(classifier, wrong, samples, done)
    report = Report(
        model=classifier.identity,
        evaluation=measure(judged, what),
        findings=tuple(
            Shown(
                code,
                classifier.thresholds[code],
                int((judged.present & judged.known)[:, column].sum()),
                int((~judged.present & judged.known)[:, column].sum()),
            )
            for column, code in enumerate(codes)
        ),
        notice=classifier.bundle.manifest.notice,
        curves=curves(judged),
        familiarity=_acceptance(classifier, scored, flagged),
        localisation=localisation.figures(looked),
        stress=stressed,
        decode=decode,
        videos=lesions.measure(watched, codes, shortest_alarm_s=plan.shortest_alarm_s)
        if watched
        else (),
        mistakes=wrong,
        thin=thin(judged),
    )
    return report, scored


def _acceptance(
    classifier: Classifier, scored: Scored, flagged: Sequence[Flagged]
) -> Acceptance | None:
    familiar = np.array([verdict.familiar for verdict in scored.verdicts])
    everything = np.ones(len(familiar), bool)
    accepted = Bootstrap(scored.groups).share("accepted", familiar, everything)
    if accepted is None:
        return None
    return Acceptance(classifier.unfamiliar_below, accepted, tuple(flagged))
