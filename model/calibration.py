"""From logits to probabilities that mean what they say."""

import numpy as np
from numpy.typing import NDArray


def probabilities(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Turn logits [N, findings] into probabilities in [0, 1], each finding on its own.

    A sigmoid of logit / temperature (Guo et al., "On Calibration of Modern Neural Networks", ICML
    2017, in its binary form): findings are independent, a clean cecum with a polyp is both.
    `temperature` above 1 makes a network less sure of itself.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    return 0.5 * (1.0 + np.tanh(0.5 * scaled))
