"""Static quantisation of an exported graph: int8 weights, uint8 activations."""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from endolink.model.preprocess import Preprocess
from endolink.training.frames import Frames
from endolink.training.gate import images

CALIBRATION_FRAMES = 128

_HEADS = {"logits", "embedding", "activation"}


@dataclass(frozen=True)
class Way:
    """A way of quantising: `kept` is how many of the first convolutions stay in float.

    The first layers see few channels of very different ranges: they cost little time and most of
    the accuracy. `method` is one of onnxruntime's for the range of an activation, or MovingAverage:
    the least and the most of each calibration frame, averaged, so that one glaring frame does not
    coarsen all others.
    """

    kept: int
    per_channel: bool = True
    method: str = "MinMax"

    def __str__(self) -> str:
        scales = "a scale a channel" if self.per_channel else "one scale a tensor"
        return (
            f"Static QDQ, {scales}, {self.method} over {CALIBRATION_FRAMES} training frames, the "
            f"first {self.kept} convolutions and the head in float"
        )


# The quickest first; the first that passes is taken.
WAYS = (
    *(Way(kept, method=method) for kept in (0, 3, 5) for method in ("MinMax", "MovingAverage")),
    *(Way(kept, method="Percentile") for kept in (3, 5)),
    *(Way(kept) for kept in (8, 12)),
)


def quantise(graph: bytes, training: Frames, preprocess: Preprocess, way: Way) -> bytes:
    """Quantise a float32 graph to int8 weights and uint8 activations."""
    model = onnx.load_from_string(graph)
    nodes = list(model.graph.node)
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    heads = [node.name for node in nodes if _HEADS & set(node.output)]
    averaged = way.method == "MovingAverage"
    with tempfile.TemporaryDirectory() as place, _quiet():
        out = Path(place) / "quantised.onnx"
        quantize_static(
            model,
            out,
            _Reader(training, preprocess),
            quant_format=QuantFormat.QDQ,
            per_channel=way.per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod["MinMax" if averaged else way.method],
            nodes_to_exclude=[*heads, *convolutions[: way.kept]],
            extra_options={"CalibMovingAverage": averaged},
        )
        return out.read_bytes()


class _Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime is not typed
    """Training frames, spread over the whole part, for onnxruntime to see the ranges of."""

    def __init__(self, frames: Frames, preprocess: Preprocess) -> None:
        count = min(CALIBRATION_FRAMES, len(frames))
        rows = np.linspace(0, len(frames) - 1, count).astype(int)
        self._given = (
            {"image": images(frames, rows[at : at + 1], preprocess)} for at in range(count)
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._given, None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice to itself: it logs to the root, and prints."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
