"""What the network is taught: the loss of a batch."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from endolink.training.frames import Frames
from endolink.training.network import Outputs
from endolink.training.recipe import Recipe

# How much more a place inside an outline weighs than one outside: lesions are small.
_INSIDE = 3.0


@dataclass(frozen=True, eq=False)
class Targets:
    """What is right: `present` and `known` are bool [N, findings].

    `outline` is uint8 [N, S, S], 255 where the lesion lies, and holds where `traced`, bool [N].
    """

    present: Tensor
    known: Tensor
    outline: Tensor | None = None
    traced: Tensor | None = None


def targets(frames: Frames, rows: NDArray[np.intp]) -> Targets:
    """Give what is right for frames as they are, without outlines."""
    return Targets(torch.from_numpy(frames.present[rows]), torch.from_numpy(frames.known[rows]))


class Loss:
    """Binary cross-entropy over the labels that are known, and over the lesion's map.

    Rare findings are weighed more. The map is held to the outline place by place, by cross-entropy
    and by the overlap of Milletari et al., "V-Net", 3DV 2016, `recipe.outline` as much as the
    labels.
    """

    def __init__(self, recipe: Recipe, training: Frames, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.weight = presence_weight(training, recipe).to(device)
        self.lesion = training.drawings.lesion if training.drawings else None

    def __call__(self, outputs: Outputs, targets: Targets) -> Tensor:
        """Give the mean loss of a batch's float32 outputs."""
        loss = self.labels(outputs.logits, targets)
        if self.lesion is None or targets.outline is None or not self.recipe.outline:
            return loss
        return loss + self.recipe.outline * self._map(outputs.activation[:, self.lesion], targets)

    def labels(self, logits: Tensor, targets: Targets) -> Tensor:
        """Give the mean loss of logits [N, findings] alone."""
        present = targets.present.to(self.device).float()
        known = targets.known.to(self.device).float()
        smooth = self.recipe.smoothing
        target = present * (1 - smooth) + smooth / 2
        each = nn.functional.binary_cross_entropy_with_logits(
            logits, target, pos_weight=self.weight, reduction="none"
        )
        return (each * known).sum() / known.sum().clamp(min=1)

    def _map(self, activation: Tensor, targets: Targets) -> Tensor:
        assert targets.outline is not None and targets.traced is not None  # noqa: PT018
        inside = targets.outline.to(self.device)[:, None].float() / 255
        height, width = activation.shape[1:]
        wanted = nn.functional.adaptive_avg_pool2d(inside, (height, width))[:, 0]
        traced = targets.traced.to(self.device).float()
        each = nn.functional.binary_cross_entropy_with_logits(
            activation, wanted, pos_weight=activation.new_tensor(_INSIDE), reduction="none"
        ).mean((1, 2))
        chances = activation.sigmoid()
        shared, both = (chances * wanted).sum((1, 2)), (chances + wanted).sum((1, 2))
        apart = (1 - (2 * shared + 1) / (both + 1)) * (wanted.sum((1, 2)) > 0)
        return ((each + 0.5 * apart) * traced).sum() / traced.sum().clamp(min=1)


def presence_weight(frames: Frames, recipe: Recipe) -> Tensor:
    """Say how much the presence of each finding weighs, [findings]: more where it is rare."""
    share = frames.share(recipe.burst)
    present = share @ (frames.present & frames.known)
    absent = share @ (~frames.present & frames.known)
    ratio = np.maximum(absent, 1) / np.maximum(present, 1)
    return torch.from_numpy(ratio**recipe.balance).float()
