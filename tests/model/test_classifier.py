import dataclasses
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink.model.classifier import Classifier
from endolink.model.errors import BundleInvalid, FrameTooLarge
from endolink.model.frame import Frame, Limits, decode
from endolink.model.preprocess import FINER
from endolink.sample_data import frames, truth


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.open(provider="cpu", threads=1)


@pytest.fixture(scope="module")
def sample() -> bytes:
    return (frames()[0].parent / "polyp-sessile.jpg").read_bytes()


def _jpegs(shared: Path) -> list[Path]:
    return sorted((shared / "data/hyper-kvasir/labeled-images").rglob("*.jpg"))


def test_a_verdict_lists_every_finding_in_the_bundles_order(
    classifier: Classifier, sample: bytes
) -> None:
    (verdict,) = classifier.score([sample])
    assert tuple(item.code for item in verdict.findings) == classifier.bundle.manifest.findings
    for item in verdict.findings:
        assert item.present == (item.probability >= item.threshold)
        assert item.box is None
    assert verdict.model == classifier.identity
    assert verdict.timing_ms.total >= verdict.timing_ms.decode > 0
    assert (verdict.age_ms, verdict.frame.sequence) == (None, None)


def test_a_box_comes_only_when_asked_for_and_only_for_what_is_present(
    classifier: Classifier, sample: bytes
) -> None:
    (verdict,) = classifier.score([sample], explain="box")
    assert any(item.present for item in verdict.findings)
    for item in verdict.findings:
        assert (item.box is not None) == item.present
        if item.box:
            x0, y0, x1, y1 = item.box
            assert 0 <= x0 < x1 <= verdict.frame.width
            assert 0 <= y0 < y1 <= verdict.frame.height


def test_one_by_one_and_together_are_the_same(classifier: Classifier) -> None:
    prepared = [classifier.prepare(path.read_bytes()) for path in frames()[:6]]
    together = classifier.judge(prepared)
    for item, verdict in zip(prepared, together, strict=True):
        (alone,) = classifier.judge([item])
        for one, other in zip(alone.findings, verdict.findings, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_the_networks_own_outputs_are_what_the_verdict_is_made_of(classifier: Classifier) -> None:
    prepared = [classifier.prepare(path.read_bytes()) for path in frames()[:2]]
    outputs = classifier.outputs(prepared)
    kinds = len(classifier.findings)
    assert outputs["logits"].shape == (2, kinds)
    assert outputs["activation"].shape[:2] == (2, kinds)
    assert len(outputs["embedding"]) == 2
    for row, verdict in zip(outputs["logits"], classifier.judge(prepared), strict=True):
        assert classifier.findings[int(row.argmax())].code == verdict.top.code


def test_the_same_from_many_threads(classifier: Classifier) -> None:
    images = [path.read_bytes() for path in frames()]
    expected = [verdict.findings for verdict in classifier.score(images)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: classifier.score([image])[0].findings, images * 2))
    assert found == expected * 2


def test_an_empty_batch_is_no_work(classifier: Classifier) -> None:
    assert classifier.judge([]) == []


def test_capture_time_and_sequence_come_back_with_the_age(
    classifier: Classifier, sample: bytes
) -> None:
    captured = datetime.now(UTC) - timedelta(seconds=2)
    item = classifier.prepare(sample, captured_at=captured, sequence=41)
    (verdict,) = classifier.judge([item])
    assert verdict.frame.captured_at == captured
    assert verdict.frame.sequence == 41
    assert verdict.age_ms is not None
    assert 2000 <= verdict.age_ms < 60_000
    ahead = dataclasses.replace(item, captured_at=captured + timedelta(hours=1))
    assert classifier.judge([ahead])[0].age_ms == 0.0


def test_an_unusable_or_unfamiliar_frame_keeps_its_findings(classifier: Classifier) -> None:
    """Darkness is said, and changes neither a probability nor what is present."""
    dark = (frames()[0].parent / "dark.jpg").read_bytes()
    item = classifier.prepare(dark)
    assert not item.quality.usable
    (verdict,) = classifier.judge([item])
    assert not verdict.usable
    assert verdict.reasons
    blind = dataclasses.replace(item, quality=classifier.prepare(_bright()).quality)
    assert classifier.judge([blind])[0].usable
    assert classifier.judge([blind])[0].findings == verdict.findings


def _bright() -> bytes:
    return (frames()[0].parent / "polyp-sessile.jpg").read_bytes()


def test_noise_is_unfamiliar(classifier: Classifier) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 320, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    (verdict,) = classifier.score([buffer.getvalue()])
    assert not verdict.familiar


def test_limits_hold(sample: bytes) -> None:
    small = Classifier.open(provider="cpu", threads=1, limits=Limits(max_bytes=100))
    with pytest.raises(FrameTooLarge):
        small.score([sample])


def test_a_decoded_frame_is_as_good_as_its_bytes(classifier: Classifier, sample: bytes) -> None:
    side = classifier.bundle.manifest.preprocess.size
    frame = decode(sample, min_side=ceil(side * FINER))
    assert classifier.score([frame])[0].findings == classifier.score([sample])[0].findings


def test_the_fastest_precision_says_what_full_precision_says(sample: bytes) -> None:
    full = Classifier.open(provider="cpu", threads=1)
    fast = Classifier.open(provider="cpu", threads=1, precision="auto")
    assert fast.identity.precision == "int8"
    assert fast.score([sample])[0].top.code == full.score([sample])[0].top.code


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(BundleInvalid, match="no int4"):
        Classifier.open(provider="cpu", precision="int4")


def test_the_truth_of_the_samples_is_what_the_tests_think(classifier: Classifier) -> None:
    known = truth()["stills"]
    assert "polyp" in known["polyp-sessile.jpg"]["findings"]
    assert classifier.prepare(_bright()).quality.usable


@pytest.mark.shared
def test_reduced_decoding_agrees_with_full_decoding(classifier: Classifier, shared: Path) -> None:
    """The top finding is the same on at least 99.5 % of frames (here of every fourth)."""
    paths = _jpegs(shared)[::4]
    same = 0
    for path in paths:
        data = path.read_bytes()
        (reduced,) = classifier.judge([classifier.prepare(data)])
        (full,) = classifier.judge([classifier.prepare(data, reduced=False)])
        same += reduced.top.code == full.top.code
    assert same / len(paths) >= 0.995


@pytest.mark.shared
def test_the_bundled_model_knows_the_frames_it_was_made_for(
    classifier: Classifier, shared: Path
) -> None:
    codes = {"polyps": "polyp", "cecum": "cecum"}
    paths = _jpegs(shared)[::12]
    right = 0
    for path in paths:
        (verdict,) = classifier.score([path.read_bytes()])
        right += verdict.top.code == codes.get(path.parent.name, path.parent.name)
    # As its card says of frames that it never saw: no worse than the interval's lower end.
    told = {figure.name: figure for figure in classifier.bundle.manifest.evaluation[0].figures}
    low = told["accuracy"].low
    assert low is not None
    assert right / len(paths) >= low


def test_a_frame_from_memory_needs_no_bytes(classifier: Classifier) -> None:
    pixels = np.full((200, 300, 3), 120, np.uint8)
    item = classifier.prepare(Frame(pixels, 300, 200, "0" * 64))
    size = classifier.bundle.manifest.preprocess.size
    assert item.tensor.shape == (3, size, size)
    assert item.frame.sha256 == "0" * 64


def test_what_can_be_found_and_from_where_on_is_told(classifier: Classifier) -> None:
    manifest = classifier.bundle.manifest
    assert tuple(known.code for known in classifier.findings) == manifest.findings
    points = manifest.variant("fp32").operating_points
    assert classifier.thresholds == {point.code: point.threshold for point in points}
