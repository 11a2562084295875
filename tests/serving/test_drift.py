from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from endolink.model.manifest import Distribution
from endolink.model.preprocess import Preprocess, normalise
from endolink.model.verdict import Verdict
from endolink.serving.drift import Drift, shown
from endolink.serving.models import Models

PREPROCESS = Preprocess(size=64)


def test_what_is_shown_is_measured_and_what_is_painted_over_is_not() -> None:
    canvas = np.empty((64, 64, 3), np.uint8)
    canvas[:] = PREPROCESS.fill
    canvas[:, 16:48] = (255, 0, 0)
    canvas[:, 32:48] = (0, 0, 255)
    luminance, contrast = shown(normalise(canvas, PREPROCESS), PREPROCESS)
    assert luminance == pytest.approx((0.299 + 0.114) / 2, abs=0.01)
    assert contrast == pytest.approx((0.299 - 0.114) / 2, abs=0.01)
    canvas[:] = PREPROCESS.fill
    assert shown(normalise(canvas, PREPROCESS), PREPROCESS)[1] == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def verdict(models: Models, jpeg: bytes) -> Verdict:
    (verdict,) = models.get().score([jpeg])
    return verdict


def with_probability(verdict: Verdict, probability: float) -> Verdict:
    first, *others = verdict.findings
    return replace(verdict, findings=(replace(first, probability=probability), *others))


def test_a_shift_is_in_the_references_deviations_and_needs_frames(verdict: Verdict) -> None:
    figure = f"probability.{verdict.findings[0].code}"
    usual = Distribution(0.2, 0.1, 0.0, 0.2, 0.4)
    seconds = count()
    drift = Drift(
        {figure: usual, "luminance": Distribution(0.5, 0.0, 0, 0, 0), "other": usual},
        PREPROCESS,
        clock=lambda: next(seconds),
    )
    grey = normalise(np.full((64, 64, 3), 90, np.uint8), PREPROCESS)
    for _ in range(199):
        drift.observe(grey, with_probability(verdict, 0.5))
    assert dict(drift.shifts()) == {}
    drift.observe(grey, with_probability(verdict, 0.5))
    # A figure that never varied has no scale to be measured on.
    assert dict(drift.shifts()) == {figure: pytest.approx(3.0)}
    for _ in range(3000):
        drift.observe(grey, with_probability(verdict, 0.2))
    assert dict(drift.shifts())[figure] == pytest.approx(0.0, abs=0.05)


def test_no_more_frames_are_looked_at_than_one_stream_has(verdict: Verdict) -> None:
    figure = f"probability.{verdict.findings[0].code}"
    now_s = 0.0
    drift = Drift({figure: Distribution(0.2, 0.1, 0.0, 0.2, 0.4)}, PREPROCESS, clock=lambda: now_s)
    grey = normalise(np.full((64, 64, 3), 90, np.uint8), PREPROCESS)
    for _ in range(1000):
        drift.observe(grey, with_probability(verdict, 0.2))
    # The first two hundred count whenever they come, and of a burst after them one.
    assert drift.frames == 200
    now_s = 0.05
    for _ in range(10):
        drift.observe(grey, with_probability(verdict, 0.9))
    assert drift.frames == 201
    assert dict(drift.shifts())[figure] == pytest.approx(0.7 / 0.1 / 201, rel=0.01)
