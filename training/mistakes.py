"""The worst mistakes: what a person should look at before they believe a figure."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endolink.model.classifier import Classifier
from endolink.model.findings import finding
from endolink.model.preprocess import square
from endolink.training.datasets.samples import Sample
from endolink.training.metrics import Judged

Progress = Callable[[int], None]

MOST = 9
_SIDE = 224


@dataclass(frozen=True)
class Mistake:
    """A frame that was misjudged, and how: `missed` and `false-alarm` are at the operating point.

    `thumbnail` is a JPEG, base64: what the network was shown, beside the same under the finding's
    activation map. It is empty in `report.json`.
    """

    file: str
    finding: str
    kind: Literal["missed", "false-alarm"]
    probability: float
    labels: str
    thumbnail: str = ""


def worst(judged: Judged, samples: Sequence[Sample], most: int = MOST) -> tuple[Mistake, ...]:
    """Give the mistakes of which the network was surest, at most `most` of each kind.

    Of one group, one finding and one kind, only the worst: near-copies show nothing new. Lesions
    come before landmarks and the quality of the view.
    """
    wrong = judged.known & (judged.called != judged.present)
    surety = np.abs(judged.probabilities - judged.present)
    found: dict[tuple[str, str, str], tuple[int, Mistake]] = {}
    cells = sorted(np.argwhere(wrong).tolist(), key=lambda cell: -surety[cell[0], cell[1]])
    for row, column in cells:
        code = judged.findings[column]
        kind: Literal["missed", "false-alarm"] = (
            "missed" if judged.present[row, column] else "false-alarm"
        )
        mistake = Mistake(
            samples[row].file,
            code,
            kind,
            float(judged.probabilities[row, column]),
            samples[row].label,
        )
        found.setdefault((judged.groups[row], code, kind), (row, mistake))
    chosen: list[Mistake] = []
    for kind in ("missed", "false-alarm"):
        mine = [mistake for _, mistake in found.values() if mistake.kind == kind]
        chosen += sorted(mine, key=lambda item: finding(item.finding).kind != "lesion")[:most]
    return tuple(chosen)


def illustrate(
    classifier: Classifier,
    mistakes: Sequence[Mistake],
    samples: Sequence[Sample],
    progress: Progress | None = None,
) -> tuple[Mistake, ...]:
    """Add thumbnails: what was outside of the view, and text, is blanked as for the network."""
    by_file = {sample.file: sample for sample in samples}
    codes = [known.code for known in classifier.findings]
    preprocess = classifier.bundle.manifest.preprocess
    shown = []
    for mistake in mistakes:
        item = classifier.prepare(by_file[mistake.file].path.read_bytes())
        activation = classifier.outputs([item])["activation"][0, codes.index(mistake.finding)]
        picture = square(item.frame, item.view, preprocess)
        thumbnail = _beside(picture, activation)
        shown.append(
            Mistake(
                mistake.file,
                mistake.finding,
                mistake.kind,
                mistake.probability,
                mistake.labels,
                thumbnail,
            )
        )
        if progress:
            progress(1)
    return tuple(shown)


def _beside(picture: NDArray[np.uint8], activation: NDArray[np.float32]) -> str:
    """Set the picture beside itself with the activation above it, warm where it is highest."""
    plain = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    rise = np.maximum(activation - activation.min(), 0.0).astype(np.float32)
    smooth = np.asarray(Image.fromarray(rise).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    heat = np.clip(smooth / max(float(smooth.max()), 1e-6), 0, 1)[:, :, None]
    # From the picture through blue to yellow: told apart whatever the eyes' cones.
    warm = np.concatenate([heat, heat**0.8, 1 - heat], axis=2) * 255
    dimmed = np.asarray(plain.convert("L").convert("RGB"), np.float64) * 0.7
    above = np.clip(dimmed * (1 - 0.55 * heat) + warm * 0.55 * heat, 0, 255).astype(np.uint8)
    both = Image.new("RGB", (2 * _SIDE + 4, _SIDE))
    both.paste(plain, (0, 0))
    both.paste(Image.fromarray(above), (_SIDE + 4, 0))
    buffer = io.BytesIO()
    both.save(buffer, "JPEG", quality=82)
    return base64.b64encode(buffer.getvalue()).decode()
