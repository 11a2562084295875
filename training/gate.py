"""The gate that a cheaper precision has to pass: what it costs, and what it gives.

On frames that taught the network nothing, no finding may lose more than half a point of AUROC, and
at least 99 % must keep their top finding, both beside fp32 on the built-in CPU provider.
"""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from endolink.model.bundle import Bundle, self_test_input
from endolink.model.manifest import Gate, Precision
from endolink.model.preprocess import Preprocess, normalise
from endolink.model.runtime import Provider, Session
from endolink.training.frames import Frames
from endolink.training.metrics import auroc

MOST_LOST = 0.005
LEAST_AGREEMENT = 0.99

_BATCH = 8
_TIMED = 30

Outputs = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Judging:
    """What a precision is judged on: frames, and what fp32 says of them."""

    preprocess: Preprocess
    frames: Frames
    measured_on: str
    findings: tuple[str, ...]
    graph: bytes
    reference: Outputs

    @classmethod
    def of(cls, bundle: Bundle, frames: Frames, measured_on: str) -> "Judging":
        """Run fp32 on the built-in CPU provider over `frames`."""
        manifest = bundle.manifest
        graph = bundle.files[manifest.variant("fp32").network.file]
        session = Session.open(graph, provider="cpu")
        reference = run(session, frames, manifest.preprocess)
        return cls(manifest.preprocess, frames, measured_on, manifest.findings, graph, reference)

    def measure(self, graph: bytes, precision: Precision, provider: Provider) -> Gate:
        """Measure what `precision` costs and gives on one provider; raises ProviderUnavailable."""
        session = Session.open(graph, provider=provider, precision=precision)
        logits = run(session, self.frames, self.preprocess)["logits"]
        wanted = self.reference["logits"]
        lost = [
            self._auroc(wanted, column) - self._auroc(logits, column)
            for column in range(len(self.findings))
        ]
        # Of a finding that no frame shows, or all do, nothing is known.
        worst = int(np.argmax(np.nan_to_num(lost, nan=-1.0)))
        return Gate(
            provider=provider,
            measured_on=self.measured_on,
            frames=len(self.frames),
            agreement=float((logits.argmax(1) == wanted.argmax(1)).mean()),
            auroc_loss=float(np.nan_to_num(lost[worst])),
            finding=self.findings[worst],
            speedup=speedup(self.graph, graph, precision, provider, self.preprocess.size),
        )

    def _auroc(self, logits: NDArray[np.float32], column: int) -> float:
        known = self.frames.known[:, column]
        scores = logits[known, column].astype(np.float64)
        return float(auroc(self.frames.present[known, column], scores, np.ones(len(scores))))


def reason(gate: Gate) -> str | None:
    """Say why a gate refuses; None where it is passed."""
    if not gate.agreement >= LEAST_AGREEMENT:
        return (
            f"the top finding of {gate.agreement:.2%} of {gate.frames:,} frames stays, less than "
            f"{LEAST_AGREEMENT:.0%}"
        )
    if not gate.auroc_loss <= MOST_LOST:
        return f"{gate.finding} loses {gate.auroc_loss:.4f} of AUROC, more than {MOST_LOST}"
    return None


def told(gate: Gate) -> str:
    """Say a gate's figures in one line."""
    return (
        f"{gate.agreement:.2%} agree, AUROC loses at most {gate.auroc_loss:.4f} ({gate.finding}), "
        f"{gate.speedup:.2f} times as fast"
    )


def run(session: Session, frames: Frames, preprocess: Preprocess) -> Outputs:
    """Run `frames` unaltered: each output with N rows, without the activation."""
    found = [
        session.run(images(frames, rows, preprocess))
        for rows in np.array_split(np.arange(len(frames)), -(-len(frames) // _BATCH))
    ]
    return {name: np.concatenate([one[name] for one in found]) for name in ("logits", "embedding")}


def speedup(
    plain: bytes, graph: bytes, precision: Precision, provider: Provider, size: int
) -> float:
    """Say how many times as fast a frame goes as fp32 on the built-in CPU provider, in turns."""
    sessions = (
        Session.open(plain, provider="cpu", threads=1),
        Session.open(graph, provider=provider, threads=1, precision=precision),
    )
    image = self_test_input(0, size)
    for session in sessions:
        session.warm_up(size)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_TIMED):
        for session, taken in zip(sessions, times, strict=True):
            started = perf_counter()
            session.run(image)
            taken.append(perf_counter() - started)
    return median(times[0]) / median(times[1])


def images(frames: Frames, rows: NDArray[np.intp], preprocess: Preprocess) -> NDArray[np.float32]:
    """Give frames, by their positions, as the network reads them: float32 [N, 3, S, S]."""
    squares = frames.squares[frames.rows[rows], :, :, :3]
    return np.stack([normalise(one, preprocess) for one in squares])
