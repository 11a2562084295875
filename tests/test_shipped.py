"""The bundle that everybody gets reads what everybody gets to try it with: the phantom."""

import pytest

from endolink import sample_data
from endolink.model import video
from endolink.model.classifier import Classifier
from endolink.model.temporal import find_events

EVERY = 3


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.open(provider="cpu", threads=1)


def test_the_clips_polyp_raises_an_alert_and_the_clean_lumen_raises_none(
    classifier: Classifier,
) -> None:
    pytest.importorskip("av", reason="reading the clip needs the archive extra")
    truths = sample_data.truth()["clip"]["frames"]
    threshold = classifier.thresholds["polyp"]
    times, chances, visible = [], [], []
    for timed, truth in list(zip(video.frames(sample_data.clip()), truths, strict=True))[::EVERY]:
        (verdict,) = classifier.score([timed.frame])
        times.append(timed.time_s)
        chances.append(verdict.findings[0].probability)
        visible.append("polyp" in truth["findings"])
    above = [chance >= threshold for chance in chances]
    shown = [called for called, seen in zip(above, visible, strict=True) if seen]
    clean = [called for called, seen in zip(above, visible, strict=True) if not seen]
    assert sum(shown) >= 0.8 * len(shown)
    assert sum(clean) <= 0.05 * len(clean)
    (event,) = find_events(times, {"polyp": chances}, {"polyp": threshold})
    first = times[visible.index(True)]
    assert first - 0.5 <= event.alert_s <= first + 1.0


def test_the_polyp_is_pointed_at(classifier: Classifier) -> None:
    stills = sample_data.truth()["stills"]
    overlaps = []
    for path in sample_data.frames():
        truth = stills[path.name]
        if "polyp" not in truth["findings"]:
            continue
        (verdict,) = classifier.score([path.read_bytes()], explain="box")
        polyp = verdict.findings[0]
        assert polyp.present, path.name
        assert polyp.box is not None
        overlaps.append(_overlap(polyp.box, tuple(truth["polyp_box"])))
    assert len(overlaps) >= 7
    assert sum(overlaps) / len(overlaps) >= 0.4


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / (sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - shared)
