"""Everything that decides how a network is trained; it stands in the run folder as config.json."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from endolink.model.preprocess import Preprocess

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Recipe:
    """A training run; the same recipe on the same data and machine gives the same network.

    `size` is the side, in pixels, that the network is judged at and `train_size` the one that it
    learns at: a little smaller, since a crop shows things larger than the whole frame does
    (Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019). `width` and
    `dropout` are the network's. The backbone learns at `backbone_rate` times `rate`, which rises
    over the first `warm_up` of all steps and then falls along a cosine. `smoothing` moves targets
    that far towards one half. `balance` is the power to which a finding's (absent / present) ratio
    is raised to weigh its presence: 0 not at all, 1 in full. `burst` is how many frames of one
    group of near-copies an epoch learns from, drawn anew each time: a hundred frames of one scene
    teach what that scene looks like, not what the finding does. `average` is how much of the
    averaged weights stays at each step.
    """

    architecture: str = "mobilenet_v2"
    width: Positive = 1.0
    dropout: Share = 0.2
    weights: str | None = None
    size: Annotated[int, Field(ge=32, le=1024)] = 224
    train_size: Annotated[int, Field(ge=32, le=1024)] = 192
    epochs: Annotated[int, Field(ge=1)] = 6
    batch: Annotated[int, Field(ge=2)] = 32
    rate: Positive = 2e-3
    backbone_rate: Positive = 0.25
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.02
    warm_up: Share = 0.1
    smoothing: Share = 0.05
    balance: Annotated[float, Field(ge=0.0, le=1.0)] = 0.25
    burst: Annotated[int, Field(ge=1)] = 8
    average: Share = 0.98
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def preprocess(self) -> Preprocess:
        """How the trained network wants its input."""
        return Preprocess(self.size)
