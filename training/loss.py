"""What the network is taught: the loss of a batch."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from endolink.training.frames import Frames
from endolink.training.recipe import Recipe


class Loss:
    """Binary cross-entropy over the labels that are known, with rare findings weighed more."""

    def __init__(self, recipe: Recipe, training: Frames, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.weight = presence_weight(training, recipe).to(device)

    def __call__(self, logits: Tensor, frames: Frames, rows: NDArray[np.intp]) -> Tensor:
        """Give the mean loss of float32 logits [N, findings] for `rows` of `frames`."""
        present = torch.from_numpy(frames.present[rows]).float().to(self.device)
        known = torch.from_numpy(frames.known[rows]).float().to(self.device)
        smooth = self.recipe.smoothing
        target = present * (1 - smooth) + smooth / 2
        each = nn.functional.binary_cross_entropy_with_logits(
            logits, target, pos_weight=self.weight, reduction="none"
        )
        return (each * known).sum() / known.sum().clamp(min=1)


def presence_weight(frames: Frames, recipe: Recipe) -> Tensor:
    """Say how much the presence of each finding weighs, [findings]: more where it is rare."""
    share = frames.share(recipe.burst)
    present = share @ (frames.present & frames.known)
    absent = share @ (~frames.present & frames.known)
    ratio = np.maximum(absent, 1) / np.maximum(present, 1)
    return torch.from_numpy(ratio**recipe.balance).float()
