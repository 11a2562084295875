"""Everything that decides how a network is trained; it stands in the run folder as config.json.

Each field is an option of `endolink train`, by its name and described as here, and a key of its
recipe file.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from endolink.model.preprocess import Preprocess

Arithmetic = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Recipe:
    """A training run; the same recipe on the same data and machine gives the same network.

    `size` is the side that the network is judged at and `train_size` the one that it learns at: a
    little smaller, since a crop shows things larger than the whole frame does (Touvron et al.,
    "Fixing the train-test resolution discrepancy", NeurIPS 2019). `freeze` and `layer_decay` are
    gradual unfreezing in one step and the discriminative rates of Howard & Ruder, "Universal
    Language Model Fine-tuning", ACL 2018. `burst`: a hundred frames of one scene teach what that
    scene looks like, not what the finding does. `average` is the exponential moving average of
    weights (Polyak & Juditsky, 1992), which is what is validated and exported.
    """

    architecture: Annotated[
        str, Field(description="A classification network of torchvision, as resnet18.")
    ] = "mobilenet_v2"
    width: Annotated[float, Field(gt=0.0, description="Scales the channels of a MobileNet.")] = 1.0
    dropout: Annotated[
        float, Field(ge=0.0, lt=1.0, description="The share of the embedding dropped.")
    ] = 0.2
    weights: Annotated[
        str | None,
        Field(description="A file of weights to start from; `imagenet` fetches torchvision's."),
    ] = None
    size: Annotated[
        int, Field(ge=32, le=1024, description="The side of the network's input, in pixels.")
    ] = 224
    train_size: Annotated[
        int,
        Field(ge=32, le=1024, description="The side to learn at; 6/7 of the size unless given."),
    ] = 192
    epochs: Annotated[int, Field(ge=1, description="The most epochs.")] = 6
    patience: Annotated[
        int | None,
        Field(ge=1, description="Stop after so many epochs without a better validation loss."),
    ] = None
    batch: Annotated[int, Field(ge=2, description="Frames of one update, over all processes.")] = 32
    accumulate: Annotated[
        int, Field(ge=1, description="Compute an update in so many parts: it needs less memory.")
    ] = 1
    precision: Annotated[
        Arithmetic,
        Field(description="auto takes bf16 where the hardware has it, or a GPU's fp16."),
    ] = "auto"
    rate: Annotated[float, Field(gt=0.0, description="The head's learning rate, at its peak.")] = (
        2e-3
    )
    backbone_rate: Annotated[
        float, Field(gt=0.0, description="The backbone's last layer's rate, as a share of --rate.")
    ] = 0.25
    layer_decay: Annotated[
        float,
        Field(gt=0.0, le=1.0, description="Each layer's rate, as a share of the one after it."),
    ] = 1.0
    freeze: Annotated[int, Field(ge=0, description="For so many epochs only the head learns.")] = 0
    weight_decay: Annotated[float, Field(ge=0.0, description="AdamW's.")] = 0.02
    warm_up: Annotated[
        float,
        Field(ge=0.0, lt=1.0, description="The share of all updates in which the rate rises."),
    ] = 0.1
    smoothing: Annotated[
        float, Field(ge=0.0, lt=1.0, description="Moves the targets so far towards one half.")
    ] = 0.05
    balance: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            description="How much more a rare finding's presence weighs in the loss: its "
            "(absent / present) to this power.",
        ),
    ] = 0.25
    sampling: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            description="How much oftener frames of rare labels are drawn: 1 draws all labels "
            "alike.",
        ),
    ] = 0.0
    burst: Annotated[
        int,
        Field(ge=1, description="The most frames of one group of near-copies in an epoch."),
    ] = 8
    average: Annotated[
        float,
        Field(ge=0.0, lt=1.0, description="How much of the averaged weights stays at an update."),
    ] = 0.98
    stem: Annotated[
        int,
        Field(ge=0, description="So many of the backbone's first parts are never trained."),
    ] = 0
    detail: Annotated[
        int,
        Field(ge=32, le=1024, description="The side of the squares that frames are drawn from."),
    ] = 320
    outline: Annotated[
        float,
        Field(ge=0.0, description="How much a lesion's outline weighs against the labels."),
    ] = 1.0
    colour: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            description="How often colours are changed, against how often otherwise; little where "
            "a finding is a colour, as bleeding is.",
        ),
    ] = 1.0
    seed: Annotated[int, Field(ge=0, description="Of everything random but the split.")] = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.freeze >= self.epochs:
            raise ValueError("freeze: fewer than the epochs, or the backbone never learns")
        if self.accumulate * 2 > self.batch:
            raise ValueError("accumulate: leaves less than two frames a part")
        return self

    @property
    def preprocess(self) -> Preprocess:
        """How the trained network wants its input."""
        return Preprocess(self.size)
