"""From a trained network to a bundle: the graph, its gate, its calibration, its papers."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from endolink.model.bundle import Bundle, describe, self_test_input, write
from endolink.model.calibration import probabilities
from endolink.model.errors import ExportRefused, ProviderUnavailable
from endolink.model.familiarity import Familiarity
from endolink.model.manifest import (
    Distribution,
    Evaluation,
    FamiliarityRule,
    Manifest,
    Provenance,
    SelfTest,
    ValidatedInput,
    Variant,
)
from endolink.model.preprocess import Preprocess, normalise
from endolink.model.runtime import Provider, Session
from endolink.training.calibrate import operating_points, temperature
from endolink.training.frames import Frames
from endolink.training.inference import infer
from endolink.training.model_card import model_card
from endolink.training.network import Network
from endolink.training.recipe import Recipe
from endolink.training.shifted import with_lesion

OUTPUTS = ("logits", "embedding", "activation")
LARGEST_DIFFERENCE = 1e-3
MOST_BYTES = 15_000_000
PARITY_BATCH = 8
SELF_TEST_SEED = 7
# This share of the validation frames is called familiar: the true-accept rate.
ACCEPTED = 0.95


@dataclass(frozen=True)
class Papers:
    """What a bundle says of itself."""

    name: str
    version: str
    licence: str
    notice: str
    provenance: Provenance
    measured_on: str
    specificity: float
    validated_input: ValidatedInput
    sensitivity: float | None = None
    evaluation: tuple[Evaluation, ...] = ()


def export_onnx(network: Network, size: int) -> bytes:
    """Write the network as ONNX: `image` float32 [n, 3, size, size] in, the three outputs out."""
    # A batch of one would be taken for a constant.
    example = torch.zeros(2, 3, size, size)
    with warnings.catch_warnings():
        # The exporter warns of its own parts' coming changes.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Plain(network).eval(),
            (example,),
            dynamo=True,
            dynamic_shapes={"image": {0: torch.export.Dim("n", min=1)}},
            input_names=["image"],
            output_names=list(OUTPUTS),
            verbose=False,
        )
    if program is None:
        raise ExportRefused("torch.onnx gave no program")
    return _without_traces(program.model_proto)


def _without_traces(model: onnx.ModelProto) -> bytes:
    """Take out what the exporter notes about itself: it names files and folders of its machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        del part.metadata_props[:]
    return bytes(model.SerializeToString())


def check_parity(
    network: Network, graph: bytes, squares: NDArray[np.uint8], preprocess: Preprocess
) -> tuple[str, ...]:
    """Compare ONNX with torch on real frames, as a batch of one and of several.

    Gives the execution providers, of those installed, on which it was compared.

    Raises
    ------
    ExportRefused
        A logit differs by more than `LARGEST_DIFFERENCE`, or the batch is frozen.
    """
    images = np.stack([normalise(square, preprocess) for square in squares])
    with torch.inference_mode():
        wanted = network(torch.from_numpy(images)).logits.numpy()
    passed = []
    providers: tuple[Provider, ...] = ("cpu", "openvino", "cuda")
    for provider in providers:
        try:
            session = Session.open(graph, provider=provider)
        except ProviderUnavailable:
            continue
        for count in (1, len(images)):
            logits = session.run(images[:count])["logits"]
            difference = float(np.abs(logits - wanted[:count]).max())
            # Written so that a NaN fails, too.
            if not difference <= LARGEST_DIFFERENCE:
                raise ExportRefused(
                    f"on {provider}, batch {count}, a logit is off by {difference:.2g}, more than "
                    f"{LARGEST_DIFFERENCE:g}"
                )
        passed.append(provider)
    return tuple(passed)


def check_bytes(graph: bytes, most: int = MOST_BYTES) -> None:
    """Raise ExportRefused where a graph is larger than what is given away may be."""
    if len(graph) > most:
        raise ExportRefused(
            f"the graph has {len(graph):,} bytes, more than the {most:,} of a bundle that is given "
            "away; train a smaller --arch, or one of less --width"
        )


def export(
    recipe: Recipe,
    findings: tuple[str, ...],
    network: Network,
    *,
    training: Frames,
    validation: Frames,
    papers: Papers,
    folder: Path,
    most_bytes: int | None = MOST_BYTES,
) -> Bundle:
    """Export, gate and calibrate a network, and write the bundle into `folder`.

    Temperature, operating points, familiarity and the reference figures come from `validation`,
    the familiarity's statistics from `training`; both are the squares that the service would cut.
    The operating point of a finding that was outlined comes from `validation` drawn otherwise: what
    is chosen on the looks of one hospital is wrong in the next. A bundle that only serves to
    measure its network has no `most_bytes`.

    Raises
    ------
    ExportRefused
        The graph is not the network, or is larger than `most_bytes`.
    """
    preprocess = recipe.preprocess
    graph = export_onnx(network, preprocess.size)
    if most_bytes is not None:
        check_bytes(graph, most_bytes)
    squares = validation.squares[validation.rows]
    gated_on = check_parity(network, graph, squares[:PARITY_BATCH, :, :, :3], preprocess)

    logits, embeddings = infer(network, validation, recipe)
    _, learned = infer(network, training, recipe)
    warmth = temperature(logits, validation.present, validation.known)
    chances = probabilities(logits, warmth)
    points = operating_points(
        findings,
        chances,
        validation.present,
        validation.known,
        specificity=None if papers.sensitivity else papers.specificity,
        sensitivity=papers.sensitivity,
        measured_on=papers.measured_on,
    )

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(images)).logits)

    points = with_lesion(
        points, run, validation, recipe, warmth=warmth, measured_on=papers.measured_on
    )
    with torch.inference_mode():
        seeded = torch.from_numpy(self_test_input(SELF_TEST_SEED, preprocess.size))
        answer = tuple(network(seeded).logits[0].tolist())

    familiarity = Familiarity.fit(learned, embeddings).to_bytes()
    parts = {"model.onnx": graph, "familiarity.npz": familiarity}
    described = {name: describe(name, data) for name, data in parts.items()}
    variant = Variant(
        precision="fp32",
        network=described["model.onnx"],
        gated_on=gated_on,
        temperature=warmth,
        operating_points=points,
        familiarity=FamiliarityRule(described["familiarity.npz"], round(1 - ACCEPTED, 6)),
        self_test=SelfTest(SELF_TEST_SEED, answer, LARGEST_DIFFERENCE),
    )
    reference = reference_figures(squares, findings, chances)
    card = model_card(papers, variant, len(training), len(validation)).encode()
    manifest = Manifest(
        name=papers.name,
        version=papers.version,
        findings=findings,
        preprocess=preprocess,
        variants=(variant,),
        validated_input=papers.validated_input,
        reference=reference,
        provenance=papers.provenance,
        evaluation=papers.evaluation,
        card=describe("MODEL_CARD.md", card),
        licence=papers.licence,
        notice=papers.notice,
    )
    return write(folder, manifest, {**parts, "MODEL_CARD.md": card})


def reference_figures(
    squares: NDArray[np.uint8], findings: Sequence[str], chances: NDArray[np.float64]
) -> dict[str, Distribution]:
    """Describe validation frames, for drift to be measured against.

    `luminance` and `contrast` are the mean and the standard deviation of BT.601 luma over what is
    shown, in [0, 1]; `probability.CODE` is each finding's.
    """
    luma = squares[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    shown = squares[..., 3] > 127
    seen = [
        plane[mask] if mask.any() else plane.ravel()
        for plane, mask in zip(luma, shown, strict=True)
    ]
    series: Mapping[str, NDArray[np.floating]] = {
        "luminance": np.array([pixels.mean() for pixels in seen]),
        "contrast": np.array([pixels.std() for pixels in seen]),
        **{f"probability.{code}": chances[:, column] for column, code in enumerate(findings)},
    }
    return {name: _distribution(values) for name, values in series.items()}


def _distribution(values: NDArray[np.floating]) -> Distribution:
    p05, p50, p95 = (float(value) for value in np.percentile(values, [5, 50, 95]))
    return Distribution(float(values.mean()), float(values.std()), p05, p50, p95)


class _Plain(nn.Module):
    """The network with its outputs as a plain tuple: what the exporter names in order."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self.network(image)
        return output.logits, output.embedding, output.activation
