"""The network: any torchvision backbone, one linear head, and a map of where each finding lies."""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple
from urllib.error import URLError

import torch
from torch import Tensor, nn

from endolink.model.errors import TrainingRefused
from endolink.training.torchvision_shim import torchvision

# What torchvision calls the parts that come after the last feature map.
_HEADS = ("classifier.", "fc.", "head.")
_RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


class Outputs(NamedTuple):
    """`logits` [N, findings], `embedding` [N, D], `activation` [N, findings, h, w].

    The activation is the class activation map of Zhou et al., "Learning Deep Features for
    Discriminative Localization", CVPR 2016: its mean over h and w, plus the head's bias, is the
    logit.
    """

    logits: Tensor
    embedding: Tensor
    activation: Tensor


@dataclass(frozen=True)
class Architecture:
    """A backbone of torchvision by `name`, and the share of the embedding dropped in training.

    `width` scales the channels, in those backbones that can be scaled (MobileNet).
    """

    name: str = "mobilenet_v2"
    dropout: float = 0.2
    width: float = 1.0


class Network(nn.Module):
    """Features, averaged over the picture, through dropout into one logit a finding."""

    def __init__(self, architecture: Architecture, findings: int, weights: str | None) -> None:
        super().__init__()
        self.features = _features(architecture, weights)
        with torch.no_grad():
            # In evaluation, so that the running statistics keep what was loaded.
            depth = self.features.eval()(torch.zeros(1, 3, 64, 64)).shape[1]
        self.train()
        self.dropout = nn.Dropout(architecture.dropout)
        self.head = nn.Linear(depth, findings)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor) -> Outputs:
        """Run float32 [N, 3, S, S]."""
        features = self.features(image)
        embedding = features.mean((2, 3))
        activation = nn.functional.conv2d(features, self.head.weight[:, :, None, None])
        return Outputs(self.head(self.dropout(embedding)), embedding, activation)


def _features(architecture: Architecture, weights: str | None) -> nn.Module:
    name, models = architecture.name, torchvision.models
    scaled = {} if architecture.width == 1.0 else {"width_mult": architecture.width}
    if name not in models.list_models(module=models):
        raise TrainingRefused(f"torchvision has no classification network called {name!r}")
    try:
        backbone = models.get_model(
            name, weights="DEFAULT" if weights == "imagenet" else None, **scaled
        )
    except URLError as error:
        raise TrainingRefused(
            f"the ImageNet weights of {name} could not be fetched ({error.reason}); "
            "give a file of them with --weights FILE"
        ) from error
    except TypeError as error:
        raise TrainingRefused(
            f"{name} cannot be made {architecture.width} times as wide"
        ) from error
    if weights not in {None, "imagenet"}:
        _load(backbone, Path(weights))
    if hasattr(backbone, "features"):
        features: nn.Module = backbone.features
        return features
    if hasattr(backbone, "layer4"):
        return nn.Sequential(*(getattr(backbone, part) for part in _RESNET))
    raise TrainingRefused(f"{name} has no convolutional features that a map could be read from")


def _load(backbone: nn.Module, path: Path) -> None:
    """Load weights for all but the head; a head in the file is for other classes, and left out."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        kept = {key: value for key, value in state.items() if not key.startswith(_HEADS)}
        missing, unexpected = backbone.load_state_dict(kept, strict=False)
    except OSError as error:
        raise TrainingRefused(f"{path}: the weights cannot be read: {error.strerror}") from error
    except (RuntimeError, AttributeError, EOFError, ValueError, UnpicklingError) as error:
        raise TrainingRefused(f"{path}: not the weights of this network") from error
    wrong = [key for key in missing if not key.startswith(_HEADS)] + unexpected
    if wrong:
        raise TrainingRefused(
            f"{path}: {len(wrong)} tensors do not match this network, as {wrong[0]!r}"
        )
