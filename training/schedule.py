"""How fast each layer learns at each update."""

from dataclasses import dataclass
from math import cos, pi
from typing import Any

from torch import nn

from endolink.training.network import Network
from endolink.training.recipe import Recipe

_LAST_RATE = 0.01


@dataclass(frozen=True)
class Schedule:
    """The recipe's rates over `updates` an epoch: a rise, then a cosine's fall.

    The cosine is that of Loshchilov & Hutter, "SGDR", ICLR 2017, without restarts. A backbone that
    was frozen rises by itself when its turn comes.
    """

    recipe: Recipe
    updates: int

    def head(self, update: int) -> float:
        """Give the head's rate at an update, counted from the run's first."""
        return self.recipe.rate * min(self._rise(update), self._fall(update))

    def backbone(self, update: int) -> float:
        """Give the rate of the backbone's last layer; 0 while it is frozen."""
        unfrozen = update - self.recipe.freeze * self.updates
        if unfrozen < 0:
            return 0.0
        rate = self.recipe.rate * self.recipe.backbone_rate
        return rate * min(self._rise(unfrozen), self._fall(update))

    def _rise(self, update: int) -> float:
        whole = self.updates * self.recipe.epochs * self.recipe.warm_up
        return min(1.0, (update + 1) / whole) if whole else 1.0

    def _fall(self, update: int) -> float:
        done = update / (self.updates * self.recipe.epochs)
        along = max(0.0, (done - self.recipe.warm_up) / (1 - self.recipe.warm_up))
        return _LAST_RATE + (1 - _LAST_RATE) * (1 + cos(pi * along)) / 2


def parameter_groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    """List the optimizer's groups: the backbone's layers from the first on, then the head.

    `share` is what each layer learns of `Schedule.backbone`; the head has None.
    """
    layers = [list(layer.parameters()) for layer in _layers(network.features)]
    layers = [layer for layer in layers if layer]
    groups: list[dict[str, Any]] = [
        {"params": layer, "share": recipe.layer_decay ** (len(layers) - 1 - depth)}
        for depth, layer in enumerate(layers)
    ]
    return [*groups, {"params": list(network.head.parameters()), "share": None}]


def _layers(features: nn.Module) -> list[nn.Module]:
    """List a backbone's layers in order, those of its stages one by one."""
    found: list[nn.Module] = []
    for part in features.children():
        # Exactly a Sequential: what derives from it is one layer with its normalisation.
        found += part.children() if type(part) is nn.Sequential else [part]
    return found
