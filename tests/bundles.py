"""A tiny bundle for tests: real in every part, trained on nothing."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from endolink.model.bundle import describe, self_test_input, write
from endolink.model.familiarity import Familiarity
from endolink.model.manifest import (
    Distribution,
    Evaluation,
    FamiliarityRule,
    Figure,
    Manifest,
    OperatingPoint,
    Provenance,
    SelfTest,
    Source,
    ValidatedInput,
    Variant,
)
from endolink.model.preprocess import Preprocess
from endolink.model.runtime import Session

FINDINGS = ("polyp", "cecum", "bbps-2-3")


def tiny_bundle(
    folder: Path, *, name: str = "tiny", version: str = "0.1.0", size: int = 64, seed: int = 0
) -> Path:
    """Write a bundle whose network is one convolution: small, quick, and different by `seed`."""
    network = tiny_network(size, seed)
    preprocess = Preprocess(size=size)
    session = Session.open(network, provider="cpu", threads=1)
    logits = session.run(self_test_input(7, size))["logits"][0]
    rng = np.random.default_rng(seed)
    embeddings = session.run(rng.normal(size=(40, 3, size, size)).astype(np.float32))["embedding"]
    files = {
        "model.onnx": network,
        "familiarity.npz": Familiarity.fit(embeddings[:20], embeddings[20:]).to_bytes(),
        "MODEL_CARD.md": b"# tiny\n\nTrained on nothing; for tests.\n",
    }
    described = {file: describe(file, data) for file, data in files.items()}
    variant = Variant(
        precision="fp32",
        network=described["model.onnx"],
        gated_on=("cpu",),
        temperature=1.5,
        operating_points=tuple(
            OperatingPoint(code, 0.5, "specificity 0.95", 0.9, 0.95, "nothing") for code in FINDINGS
        ),
        familiarity=FamiliarityRule(described["familiarity.npz"], 0.05),
        self_test=SelfTest(7, tuple(float(value) for value in logits), 1e-3),
    )
    manifest = Manifest(
        name=name,
        version=version,
        findings=FINDINGS,
        preprocess=preprocess,
        variants=(variant,),
        validated_input=ValidatedInput(min_side=64, jpeg_quality=30),
        reference={"luminance": Distribution(0.4, 0.1, 0.2, 0.4, 0.6)},
        provenance=Provenance(
            sources=(Source("none", 0, "Apache-2.0", "rendered in the test"),),
            split_rule="none",
            seeds=(seed,),
            command="tests/bundles.py",
            git_commit=None,
            libraries={"onnx": onnx.__version__},
        ),
        evaluation=(Evaluation("nothing", 0, 0, (Figure("macro-f1", 0.5, 0.4, 0.6),)),),
        card=described["MODEL_CARD.md"],
        licence="Apache-2.0",
        notice="For tests.",
    )
    return write(folder, manifest, files).path


def tiny_network(size: int, seed: int, outputs: tuple[str, ...] = ()) -> bytes:
    """Build the ONNX graph: convolve, pool, project; with the contract's three outputs."""
    rng = np.random.default_rng(seed)
    stride = size // 4
    weights = {
        "kernel": rng.normal(0, 0.05, (8, 3, stride, stride)),
        "head": rng.normal(0, 1.0, (len(FINDINGS), 8, 1, 1)),
        "axes": np.array([2, 3]),
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["features"], strides=[stride, stride]),
        helper.make_node("Conv", ["features", "head"], ["activation"]),
        helper.make_node("ReduceMean", ["activation", "axes"], ["logits"], keepdims=0),
        helper.make_node("ReduceMean", ["features", "axes"], ["embedding"], keepdims=0),
    ]
    shapes: dict[str, list[str | int]] = {
        "logits": ["n", len(FINDINGS)],
        "embedding": ["n", 8],
        "activation": ["n", len(FINDINGS), 4, 4],
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, size, size])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, shapes[output])
            for output in outputs or tuple(shapes)
        ],
        [
            numpy_helper.from_array(
                value if name == "axes" else value.astype(np.float32), name=name
            )
            for name, value in weights.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
