from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endolink.model.bundle import Bundle
from endolink.model.manifest import Gate
from endolink.training.gate import Judging, reason, told
from endolink.training.run import BUNDLE, Material

PASSED = Gate("cpu", "some frames", 588, 0.9932, 0.0014, "polyp", 1.96)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"agreement": 0.99, "auroc_loss": 0.005}, None),
        ({"agreement": 0.9899}, "the top finding of 98.99% of 588 frames stays, less than 99%"),
        ({"auroc_loss": 0.0051}, "polyp loses 0.0051 of AUROC, more than 0.005"),
        ({"auroc_loss": -0.2}, None),
        ({"agreement": 0.5, "speedup": 9.0}, "the top finding of 50.00%"),
    ],
)
def test_it_lets_through_what_costs_little_however_fast(
    change: dict[str, float], why: str | None
) -> None:
    answer = reason(replace(PASSED, **change))  # type: ignore[arg-type]
    assert answer == why if why is None else answer is not None and answer.startswith(why)


def test_a_gates_figures_are_one_line() -> None:
    line = "99.32% agree, AUROC loses at most 0.0014 (polyp), 1.96 times as fast"
    assert told(PASSED) == line


def test_the_same_graph_costs_nothing(finished: Path, material: Material) -> None:
    bundle = Bundle.open(finished / "fold-0" / BUNDLE)
    judging = Judging.of(bundle, material.frames(range(36)), "all frames")
    gate = judging.measure(judging.graph, "fp32", "cpu")
    assert (gate.agreement, gate.auroc_loss, gate.frames) == (1.0, 0.0, 36)
    assert reason(gate) is None


def test_it_names_the_finding_that_loses_most(finished: Path, material: Material) -> None:
    bundle = Bundle.open(finished / "fold-0" / BUNDLE)
    frames = material.frames(range(36))
    judging = Judging.of(bundle, frames, "all frames")
    # A reference that is right about every frame: whatever else is judged loses.
    right = {"logits": np.where(frames.present, 9.0, -9.0).astype(np.float32)}
    gate = replace(judging, reference=right).measure(judging.graph, "fp32", "cpu")
    assert gate.auroc_loss > 0
    assert gate.finding in material.findings


def test_a_finding_that_no_frame_shows_loses_nothing(finished: Path, material: Material) -> None:
    bundle = Bundle.open(finished / "fold-0" / BUNDLE)
    frames = material.frames(range(4))
    assert frames.present.all(0).sum() == 1
    judging = Judging.of(bundle, frames, "four frames")
    gate = judging.measure(judging.graph, "fp32", "cpu")
    assert np.isfinite(gate.auroc_loss)
