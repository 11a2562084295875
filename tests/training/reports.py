"""A report with every part in it, of drawn figures, for the tests of the page and the plots."""

import numpy as np

from endolink.model.manifest import Evaluation, Figure
from endolink.model.verdict import ModelIdentity
from endolink.training.corruptions import CORRUPTIONS, STRENGTHS
from endolink.training.curves import curves
from endolink.training.evaluate import Agreement
from endolink.training.lesions import VideoFigures
from endolink.training.metrics import Judged, figures
from endolink.training.mistakes import Mistake
from endolink.training.outside import Flagged
from endolink.training.report import Acceptance, Report, Shown
from endolink.training.stress import Stressed

# A single grey pixel.
PIXEL = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QA"
    "FBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQAAPwBH/9k="
)


def full_report() -> Report:
    rng = np.random.default_rng(0)
    codes = ("polyp", "cecum", "bbps-2-3")
    present = np.eye(3, dtype=bool)[rng.integers(0, 3, 150)]
    chances = np.clip(0.4 * present + rng.uniform(0, 0.6, (150, 3)), 0, 1)
    groups = tuple(f"g{number // 3}" for number in range(150))
    judged = Judged(codes, present, np.ones_like(present), chances, chances >= 0.5, groups)
    stressed = [
        Stressed(
            name,
            strength,
            item.describe(level),
            150,
            (
                Figure("top-changed", 0.01 * level, 0.0, 0.02 * level + 0.01),
                Figure("sensitivity-drop", 0.005 * level, -0.01, 0.03),
            ),
        )
        for name, item in CORRUPTIONS.items()
        for level, strength in enumerate(STRENGTHS)
    ]
    return Report(
        model=ModelIdentity("tiny", "0.1.0", "sha256:0", "fp32", "cpu"),
        evaluation=Evaluation("drawn <frames>", 150, 50, figures(judged, resamples=50)),
        findings=tuple(Shown(code, 0.5, 50, 100) for code in codes),
        notice="For tests.",
        curves=curves(judged, resamples=20),
        familiarity=Acceptance(
            0.05,
            Figure("accepted", 0.95, 0.91, 0.98),
            (Flagged("noise", 100, 0, Figure("flagged", 1.0, 0.96, 1.0)),),
        ),
        localisation=(
            Figure("peak-inside", 0.9, 0.8, 0.95, "polyp"),
            Figure("box-iou", 0.5, 0.4, 0.6, "polyp"),
        ),
        stress=tuple(stressed),
        decode=Agreement("decoded in full", 150, 1),
        videos=(
            VideoFigures(
                "polyp",
                1,
                0.2,
                1,
                0.5,
                (
                    Figure("lesion-sensitivity", 1.0, 0.025, 1.0, "polyp"),
                    Figure("false-alarms-per-minute", 0.0, 0.0, 21.0, "polyp"),
                    Figure("median-seconds-to-alert", 0.4, finding="polyp"),
                ),
            ),
        ),
        mistakes=(
            Mistake("drawn/polyp/<1>.jpg", "polyp", "missed", 0.1, "polyp", PIXEL),
            Mistake("drawn/cecum/2.jpg", "polyp", "false-alarm", 0.9, "cecum", PIXEL),
        ),
    )
