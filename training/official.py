"""A data set's own split: to compare with what others published, not to believe.

The official folds of several public sets were drawn frame by frame. They lay neighbouring frames of
one video on both sides, and a figure measured on them is partly memory.
"""

from collections.abc import Sequence

from endolink.model.errors import DataError
from endolink.training.datasets.samples import Part, Sample
from endolink.training.splits import Row, Split, validation_rows


def split_official(
    samples: Sequence[Sample], groups: Sequence[str], *, fold: int, seed: int
) -> Split:
    """Split as the data sets' authors did: their parts, or test on their fold number `fold`.

    Where they name no validation frames, a part of the rest validates, in whole groups: only their
    own boundary separates twins. `Split.warning` counts those.

    Raises
    ------
    DataError
        A frame has no official place, or no frame is in that fold.
    """
    parts = [_place(sample, fold) for sample in samples]
    if missing := [sample.file for sample, part in zip(samples, parts, strict=True) if not part]:
        raise DataError(
            f"{len(missing):,} of {len(samples):,} frames have no place in an official split, as "
            f"{missing[0]}. Fetch the set with its split files (`endolink data fetch`), or take "
            "only the classes of the protocol (gastrovision-22, kvasir-capsule-11)"
        )
    placed: list[Part] = [part for part in parts if part]
    if "test" not in placed:
        known = sorted({sample.fold for sample in samples if sample.fold is not None})
        raise DataError(f"no frame is in the official fold {fold}; there are {known}")
    if "validation" not in placed:
        rest = [row for row, part in enumerate(placed) if part == "train"]
        for row in validation_rows(samples, groups, rest, seed):
            placed[row] = "validation"
    rows = zip(samples, groups, placed, strict=True)
    return Split(
        tuple(Row(sample.file, sample.label, group, part) for sample, group, part in rows),
        rule="official",
    )


def _place(sample: Sample, fold: int) -> Part | None:
    if sample.part is not None:
        return sample.part
    if sample.fold is not None:
        return "test" if sample.fold == fold else "train"
    return None
