"""Does a frame look like those that the network was validated on?

A warning, never a veto: the frames of a new hospital look unfamiliar too.
"""

import io
import math
import zipfile
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_DIMENSIONS = 128
_RIDGE = 1e-6
# A network's embedding has some thousand dimensions: its statistics have less than a megabyte.
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Familiarity:
    """The rule: how far an embedding lies from the training frames, and how far is usual.

    The distance is Mahalanobis' on the embedding (Lee et al., NeurIPS 2018), in the `components`
    [k, D] that hold the training frames' variance, plus what lies outside them (Wang et al., "ViM",
    CVPR 2022). `mean` is [D], `variances` [k], `residual_variance` the mean variance of a left-out
    direction. `distances` are those of validation frames, ascending: against them a distance
    becomes a familiarity in [0, 1]. With `normalised` the embedding is first brought to length 1
    (Müller & Hein, "Mahalanobis++", ICML 2025); on colonoscopy against capsule frames that told
    fewer apart, so a new rule does without.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    variances: NDArray[np.float32]
    residual_variance: float
    distances: NDArray[np.float32]
    normalised: bool = False

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        """Turn `components` once into what every distance multiplies with, [D, k]."""
        return np.asarray(self.components, np.float64).T

    @classmethod
    def fit(
        cls,
        training: NDArray[np.floating],
        validation: NDArray[np.floating],
        dimensions: int = _DIMENSIONS,
    ) -> "Familiarity":
        """Learn the rule from embeddings [N, D] of training and [M, D] of held-out frames."""
        rows = np.asarray(training, np.float64)
        mean = rows.mean(axis=0)
        centred = rows - mean
        _, singular, directions = np.linalg.svd(centred, full_matrices=False)
        kept = min(dimensions, len(singular) - 1)
        variances = singular**2 / len(rows)
        left_out = centred.shape[1] - kept
        rule = cls(
            mean=mean.astype(np.float32),
            # Stored in half precision: measured with what will be read back.
            components=directions[:kept].astype(np.float16).astype(np.float32),
            variances=(variances[:kept] + _RIDGE).astype(np.float32),
            residual_variance=float(variances[kept:].sum() / left_out + _RIDGE),
            distances=np.zeros(1, np.float32),
        )
        usual = np.sort(rule.distance(validation)).astype(np.float32)
        return cls(rule.mean, rule.components, rule.variances, rule.residual_variance, usual)

    def distance(self, embedding: NDArray[np.floating]) -> NDArray[np.float64]:
        """Measure how strange each embedding of [N, D] is: [N], 0 or more, without a unit."""
        rows = _normalised(embedding) if self.normalised else np.asarray(embedding, np.float64)
        centred = rows - self.mean
        inside = centred @ self._directions
        mahalanobis = np.sum(inside**2 / self.variances, axis=1)
        outside = np.maximum(np.sum(centred**2, axis=1) - np.sum(inside**2, axis=1), 0.0)
        return np.asarray(np.sqrt(mahalanobis + outside / self.residual_variance), np.float64)

    def score(self, embedding: NDArray[np.floating]) -> NDArray[np.float64]:
        """Give, for each embedding of [N, D], the share of validation frames at least as strange.

        A conformal p-value (Vovk et al., "Algorithmic Learning in a Random World", 2005): frames
        like the validation's fall below any threshold t in a share t of cases.
        """
        below = np.searchsorted(self.distances, self.distance(embedding), side="left")
        count = len(self.distances)
        return np.asarray((count - below + 1) / (count + 1), np.float64)

    def to_bytes(self) -> bytes:
        """Write the rule as an `.npz` file's bytes."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            mean=self.mean,
            components=self.components.astype(np.float16),
            variances=self.variances,
            residual_variance=np.float32(self.residual_variance),
            distances=self.distances,
            normalised=np.bool_(self.normalised),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Familiarity":
        """Read a rule back; arrays only, nothing in the file is executed.

        Raises
        ------
        ValueError
            The bytes are not such a file, or a part is missing.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                sizes = {entry.filename: entry.file_size for entry in packed.infolist()}
                if sum(sizes.values()) > _MOST_BYTES:
                    raise ValueError(f"it unpacks to more than {_MOST_BYTES:,} bytes")
                arrays = {name: _array(packed.read(name)) for name in sizes}
            rule = cls(
                mean=arrays["mean.npy"].astype(np.float32),
                components=arrays["components.npy"].astype(np.float32),
                variances=arrays["variances.npy"].astype(np.float32),
                residual_variance=float(arrays["residual_variance.npy"]),
                distances=arrays["distances.npy"].astype(np.float32),
                # Rules written before there was a choice were normalised.
                normalised=bool(arrays.get("normalised.npy", True)),
            )
            rule._check()
        # zipfile and NumPy's parser let out what the bytes provoke; this file is at fault.
        except Exception as error:
            raise ValueError(f"not the statistics of a familiarity: {error}") from error
        return rule

    def _check(self) -> None:
        """Raise ValueError where the parts do not fit each other, or hold what is no number."""
        kept = len(self.variances)
        shapes = (self.mean.ndim, self.components.shape, self.variances.ndim, self.distances.ndim)
        if shapes != (1, (kept, len(self.mean)), 1, 1) or not len(self.distances):
            raise ValueError("the shapes of its arrays do not fit each other")
        parts = (self.mean, self.components, self.variances, self.distances)
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("an array holds what is no number")
        if not (self.variances > 0).all() or not 0 < self.residual_variance < np.inf:
            raise ValueError("a variance is not above 0")


def _normalised(embedding: NDArray[np.floating]) -> NDArray[np.float64]:
    rows = np.asarray(embedding, np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, np.finfo(np.float64).tiny), np.float64)


def _array(data: bytes) -> NDArray[np.generic]:
    """Read one `.npy` file of numbers; NumPy's own reader takes the memory that a header names."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array is of another format")
    shape, by_columns, kind = np.lib.format.read_array_header_1_0(file)
    at = file.tell()
    if kind.kind not in "biuf" or math.prod(shape) * kind.itemsize != len(data) - at:
        raise ValueError("an array is not of numbers, or not as long as its header says")
    return np.frombuffer(data, kind, offset=at).reshape(shape, order="F" if by_columns else "C")
