from pathlib import Path

import numpy as np
import onnx
import pytest

from endolink.model.bundle import Bundle
from endolink.model.runtime import Session
from endolink.training.gate import images
from endolink.training.quantize import Way, quantise
from endolink.training.run import BUNDLE, Material


@pytest.mark.parametrize(
    "way", [Way(0), Way(3, method="MovingAverage"), Way(3, per_channel=False)], ids=str
)
def test_a_quantised_graph_is_small_and_near(
    finished: Path, material: Material, way: Way, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = Bundle.open(finished / "fold-0" / BUNDLE)
    plain = bundle.files["model.onnx"]
    frames, preprocess = material.frames(range(36)), bundle.manifest.preprocess
    graph = quantise(plain, frames, preprocess, way)
    assert capfd.readouterr() == ("", "")
    nodes = onnx.load_from_string(graph).graph.node
    readers = {name for node in nodes for name in node.input if node.op_type == "DequantizeLinear"}
    made = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    in_float = [node for node in convolutions if node.input[1] not in made]
    # The first ones, and the one that draws the activation.
    assert len(in_float) == way.kept + 1
    assert readers
    batch = images(frames, np.arange(8), preprocess)
    outputs = [Session.open(one, provider="cpu").run(batch) for one in (plain, graph)]
    assert outputs[0].keys() == outputs[1].keys()
    wanted, found = (output["logits"] for output in outputs)
    assert 0 < np.abs(found - wanted).max() < 0.25 * wanted.std() + 0.1
