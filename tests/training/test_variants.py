from pathlib import Path

import pytest

from endolink.model.bundle import Bundle
from endolink.model.classifier import Classifier
from endolink.model.errors import ProviderUnavailable
from endolink.model.manifest import Precision
from endolink.training import gate as gates
from endolink.training import variants
from endolink.training.quantize import Way
from endolink.training.run import BUNDLE, Material
from endolink.training.splits import read_split


def _add(
    finished: Path,
    material: Material,
    folder: Path,
    *,
    precisions: tuple[Precision, ...],
    said: list[str] | None = None,
    bundle: Bundle | None = None,
) -> tuple[Bundle, dict[Precision, str]]:
    run = finished / "fold-0"
    split = read_split(run / "split.csv", material.samples)
    parts = {part: split.indices(part) for part in ("train", "validation", "test")}
    return variants.add_variants(
        bundle or Bundle.open(run / BUNDLE),
        precisions,
        training=material.frames(parts["train"]),
        validation=material.frames(parts["validation"]),
        judged=material.frames([*parts["validation"], *parts["test"]]),
        measured_on="the validation and test parts",
        folder=folder,
        say=(said if said is not None else []).append,
    )


@pytest.fixture(scope="module")
def loose() -> pytest.MonkeyPatch:
    """A gate that dozen-frame data can pass: one frame of them is more than a hundredth."""
    patch = pytest.MonkeyPatch()
    patch.setattr(gates, "LEAST_AGREEMENT", 0.5)
    patch.setattr(gates, "MOST_LOST", 0.2)
    patch.setattr(variants, "WAYS", (Way(3),))
    return patch


def test_what_passes_is_served_by_its_own_numbers(
    finished: Path, material: Material, tmp_path: Path, loose: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with loose.context():
        bundle, refused = _add(
            finished, material, tmp_path / "quick", precisions=("int8",), said=said
        )
    assert refused == {}
    assert any("passes" in line for line in said)
    plain, quick = bundle.manifest.variant("fp32"), bundle.manifest.variant("int8")
    # The first convolutions and the head stay in float.
    assert quick.network.size < 0.6 * plain.network.size
    assert quick.gated_on[0] == quick.gates[0].provider == "cpu"
    assert [(one.rule, one.measured_on) for one in quick.operating_points] == [
        (one.rule, one.measured_on) for one in plain.operating_points
    ]
    assert "the first 3 convolutions" in quick.made
    card = bundle.files["MODEL_CARD.md"].decode()
    assert "| int8 | cpu |" in card
    # A variant is opened by name, checked against its own logits, and named in the verdict.
    classifier = Classifier.open(bundle.path, precision="int8", provider="cpu")
    (verdict,) = classifier.score([material.samples[0].path.read_bytes()])
    assert verdict.model.precision == "int8"
    assert classifier.thresholds == {p.code: p.threshold for p in quick.operating_points}
    assert Classifier.open(bundle.path, provider="cpu").identity.precision == "fp32"
    with loose.context():
        again, _ = _add(finished, material, tmp_path / "again", precisions=("int8",), bundle=bundle)
    assert [one.precision for one in again.manifest.variants] == ["fp32", "int8"]
    assert again.files["MODEL_CARD.md"].decode().count("## Precisions") == 1


def test_it_is_refused_with_the_reason_and_the_bundle_is_as_before(
    finished: Path, material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "LEAST_AGREEMENT", 1.01)
    monkeypatch.setattr(variants, "WAYS", (Way(0), Way(3)))
    before = Bundle.open(finished / "fold-0" / BUNDLE)
    bundle, refused = _add(finished, material, tmp_path, precisions=("int8",))
    assert "none of 2 ways of quantising passes; the first: the top finding of" in refused["int8"]
    assert bundle.manifest == before.manifest
    assert bundle.files == before.files


def test_bf16_is_measured_or_says_where_it_can_be(
    finished: Path, material: Material, tmp_path: Path, loose: pytest.MonkeyPatch
) -> None:
    with loose.context():
        bundle, refused = _add(finished, material, tmp_path, precisions=("bf16",))
    if refused:
        assert refused["bf16"].startswith("bf16: openvino")
        return
    half = bundle.manifest.variant("bf16")
    assert half.network == bundle.manifest.variant("fp32").network
    assert half.gated_on == ("openvino",)
    with pytest.raises(ProviderUnavailable):
        Classifier.open(bundle.path, precision="bf16", provider="cpu")
    assert Classifier.open(bundle.path, precision="bf16").identity.provider == "openvino"
