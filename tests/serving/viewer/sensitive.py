"""The bundled network with an operating point at which the rendered clip's polyp is found.

How a network scores the phantom is nobody's promise, and the viewer has to be tested with alerts
that come and go: the point is set between what the clip's frames with the polyp get, and those
without, and no higher than the bundle's own.
"""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from math import exp, log
from pathlib import Path

import av
from PIL import Image

from endolink import sample_data
from endolink.model.bundle import Bundle, write
from endolink.model.classifier import Classifier

FINDING = "polyp"
EVERY = 5


def sensitive_bundle(folder: Path) -> Path:
    """Write it; AssertionError where the network cannot tell the clip's polyp at all."""
    classifier = Classifier.open()
    truth = sample_data.truth()["clip"]["frames"]
    most = {True: 0.0, False: 0.0}
    for number, jpeg in clip_frames():
        (verdict,) = classifier.score([jpeg])
        (found,) = (finding for finding in verdict.findings if finding.code == FINDING)
        shows = FINDING in truth[number]["findings"]
        most[shows] = max(most[shows], found.probability)
    assert most[True] > most[False], "the network sees no polyp in the clip"
    between = (_log_odds(most[True]) + _log_odds(most[False])) / 2
    own = classifier.thresholds[FINDING]
    return _with_threshold(folder, min(own, 1 / (1 + exp(-between))))


def clip_frames(every: int = EVERY) -> Iterator[tuple[int, bytes]]:
    """Give every `every`th frame of the clip: its number and a JPEG."""
    with av.open(str(sample_data.clip())) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            if number % every == 0:
                file = BytesIO()
                Image.fromarray(frame.to_ndarray(format="rgb24")).save(file, "JPEG", quality=85)
                yield number, file.getvalue()


def _with_threshold(folder: Path, threshold: float) -> Path:
    bundle = Bundle.open()
    variants = tuple(
        replace(
            variant,
            operating_points=tuple(
                replace(point, threshold=threshold) if point.code == FINDING else point
                for point in variant.operating_points
            ),
        )
        for variant in bundle.manifest.variants
    )
    manifest = replace(bundle.manifest, name="sensitive", variants=variants)
    return write(folder, manifest, bundle.files).path


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 1e-6), 1 - 1e-6)
    return log(inside / (1 - inside))
