"""Which figures rest on few groups: however many frames a scene has, it is one witness."""

from typing import Final

from endolink.training.metrics import Judged

# Fewer scenes, patients or videos than folds of a cross-validation: a bootstrap that draws them
# again knows nothing of all others.
FEWEST_GROUPS: Final = 5


def thin(judged: Judged) -> tuple[str, ...]:
    """Say, for each finding, where the frames with or without it are of fewer than five groups."""
    said = []
    for number, code in enumerate(judged.findings):
        known, present = judged.known[:, number], judged.present[:, number]
        for rows, what, figure in (
            (known & present, "that show it", "sensitivity"),
            (known & ~present, "without it", "specificity"),
        ):
            frames = int(rows.sum())
            groups = len({judged.groups[row] for row in rows.nonzero()[0]})
            if 0 < groups < FEWEST_GROUPS:
                of = "1 group" if groups == 1 else f"{groups} groups"
                said.append(
                    f"{code}: the {frames:,} frames {what} are of {of}: its {figure} and AUROC "
                    "rest on these alone, and their intervals do not say how others would do"
                )
    return tuple(said)
