import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from endolink.model.bundle import BUNDLED, Bundle
from endolink.model.errors import ExportRefused
from endolink.model.preprocess import normalise
from endolink.model.runtime import Session
from endolink.training.checkpoint import CHECKPOINT, load
from endolink.training.export import check_parity, export_onnx, reference_figures
from endolink.training.inference import make
from endolink.training.recipe import Recipe
from endolink.training.run import BUNDLE, Material
from tests.training.conftest import TINY


@pytest.fixture(scope="module")
def bundle(finished: Path) -> Bundle:
    return Bundle.open(finished / "fold-0" / BUNDLE)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_graph_gives_torchs_three_outputs_for_any_batch(
    finished: Path, bundle: Bundle, material: Material, count: int
) -> None:
    _, _, network = load(finished / "fold-0" / CHECKPOINT)
    images = np.stack([normalise(s[:, :, :3], TINY.preprocess) for s in material.squares[:count]])
    outputs = Session.open(bundle.files["model.onnx"], provider="cpu", threads=1).run(images)
    with torch.inference_mode():
        wanted = network(torch.from_numpy(images))
    assert outputs.keys() == {"logits", "embedding", "activation"}
    for name, value in wanted._asdict().items():
        assert outputs[name].shape == tuple(value.shape)
        assert np.abs(outputs[name] - value.numpy()).max() < 1e-3


def test_the_default_network_passes_its_gate(material: Material) -> None:
    network = make(Recipe(width=0.25, size=64), 3).eval()
    graph = export_onnx(network, 64)
    assert "cpu" in check_parity(network, graph, material.squares[:5, :, :, :3], TINY.preprocess)


def test_a_graph_of_another_network_is_refused(
    finished: Path, bundle: Bundle, material: Material
) -> None:
    _, _, network = load(finished / "fold-0" / CHECKPOINT)
    squares = material.squares[:2, :, :, :3]
    graph = bundle.files["model.onnx"]
    assert "cpu" in check_parity(network, graph, squares, TINY.preprocess)
    other = copy.deepcopy(network)
    other.head.maps.get_parameter("bias").data[0] += 0.01
    with pytest.raises(ExportRefused, match=r"on cpu, batch 1, a logit is off by 0\.01"):
        check_parity(other, graph, squares, TINY.preprocess)


def test_the_bundle_says_where_it_comes_from(bundle: Bundle, material: Material) -> None:
    manifest = bundle.manifest
    assert manifest.findings == material.findings
    assert manifest.preprocess == TINY.preprocess
    (source,) = manifest.provenance.sources
    assert (source.name, source.frames) == ("drawn", 36)
    assert "near-identical frames kept whole" in manifest.provenance.split_rule
    assert manifest.provenance.libraries["torch"] == torch.__version__
    card = bundle.files["MODEL_CARD.md"].decode()
    assert manifest.provenance.command in card
    assert "not a diagnosis" in card


def test_the_bundle_opens_with_its_self_test(bundle: Bundle) -> None:
    variant = bundle.manifest.variant("fp32")
    assert "cpu" in variant.gated_on
    assert bundle.session(variant, provider="cpu", threads=1).provider == "cpu"


def test_reference_figures_are_of_what_is_shown() -> None:
    squares = np.zeros((2, 8, 8, 4), np.uint8)
    squares[0, :4] = (100, 100, 100, 255)
    squares[1, :4] = (200, 200, 200, 255)
    figures = reference_figures(squares, ["polyp"], np.array([[0.2], [0.4]]))
    assert figures["luminance"].mean == pytest.approx(150 / 255)
    assert figures["contrast"].mean == pytest.approx(0.0, abs=1e-6)
    assert figures["probability.polyp"].p50 == pytest.approx(0.3)


def test_the_graph_names_no_file_of_the_machine_that_made_it() -> None:
    shipped = BUNDLED / "model.onnx"
    made = export_onnx(make(TINY, 2).eval(), TINY.size)
    for graph in (shipped.read_bytes(), made):
        assert b"stack_trace" not in graph
        assert b".py" not in graph
