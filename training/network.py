"""The network: any torchvision backbone, and maps of where each finding lies that decide."""

from dataclasses import dataclass
from itertools import pairwise
from math import log
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from endolink.model.errors import TrainingRefused
from endolink.training.torchvision_shim import torchvision

# What torchvision calls the parts that come after the last feature map.
_HEADS = ("classifier.", "fc.", "head.")
_RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
# Few enough channels that the joined maps cost a twentieth of a MobileNet.
_JOINED = 128
# What the pooling begins at: nearer the maximum than the mean of a map.
_SHARPNESS = 2.0


class Outputs(NamedTuple):
    """`logits` [N, findings], `embedding` [N, D], `activation` [N, findings, h, w].

    The activation says how much each place speaks for a finding, in logits; a finding's logit is
    its map pooled (see `Head`), so that what decides and what is shown are one. The embedding is
    the mean of the backbone's last features.
    """

    logits: Tensor
    embedding: Tensor
    activation: Tensor


@dataclass(frozen=True)
class Architecture:
    """A backbone of torchvision by `name`, and the share of the features dropped in training.

    `width` scales the channels, in those backbones that can be scaled (MobileNet). The first `stem`
    parts of the backbone are never trained: they see edges and colours, which a thousand frames
    cannot teach better than a million photographs did, and cost half of a step's time.
    """

    name: str = "mobilenet_v2"
    dropout: float = 0.2
    width: float = 1.0
    stem: int = 0


class Network(nn.Module):
    """Features, a map for each finding, and the logit that is pooled from the map."""

    def __init__(self, architecture: Architecture, findings: int, weights: str | None) -> None:
        super().__init__()
        self.features = _features(architecture, weights)
        self.stem = architecture.stem
        if not 0 <= self.stem < len(self.features):
            raise TrainingRefused(
                f"{architecture.name} has {len(self.features)} parts; {self.stem} cannot be kept"
            )
        self.features[: self.stem].requires_grad_(False)
        _fold(self.features[: self.stem].eval())
        self.cut, shallow, deep = _levels(self.features)
        self.head = Head(shallow, deep, findings, architecture.dropout)
        self.train()

    def train(self, mode: bool = True) -> "Network":
        """Set training or evaluation; the stem stays in evaluation."""
        super().train(mode)
        self.features[: self.stem].eval()
        return self

    def thaw(self, *, frozen: bool) -> None:
        """Let the backbone learn, but for its stem; or not, and keep its running statistics."""
        learning = self.features[self.stem :]
        learning.train(not frozen).requires_grad_(not frozen)

    def forward(self, image: Tensor) -> Outputs:
        """Run float32 [N, 3, S, S]."""
        shallow = self.features[: self.cut](image)
        deep = self.features[self.cut :](shallow)
        logits, activation = self.head(shallow, deep)
        return Outputs(logits, deep.float().mean((2, 3)), activation)


class Head(nn.Module):
    """Maps from the last features and those of half their stride, and their pooling.

    The two are joined as in Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017:
    a finding is then placed twice as finely as the last features alone could; where there are none
    of half the stride, `shallow` is 0. Pooling is the log of the mean of the exponentials, at a
    sharpness r that is learned for each finding: log(mean(exp(r m))) / r, which lies between the
    map's mean and its maximum (Pinheiro and Collobert, "From Image-level to Pixel-level Labeling
    with Convolutional Networks", CVPR 2015).
    """

    def __init__(self, shallow: int, deep: int, findings: int, dropout: float) -> None:
        super().__init__()
        self.in_features, self.out_features = deep, findings
        self.deep = _normed(deep, _JOINED)
        self.shallow = _normed(shallow, _JOINED) if shallow else None
        self.dropout = nn.Dropout2d(dropout)
        self.mix = nn.Sequential(
            nn.Conv2d(_JOINED, _JOINED, 3, padding=1, groups=_JOINED, bias=False),
            nn.BatchNorm2d(_JOINED),
            nn.ReLU(inplace=True),
            *_normed(_JOINED, _JOINED),
            nn.ReLU(inplace=True),
        )
        self.maps = nn.Conv2d(_JOINED, findings, 1)
        nn.init.normal_(self.maps.weight, std=0.01)
        # Most places show no finding.
        assert self.maps.bias is not None
        nn.init.constant_(self.maps.bias, -2.0)
        self.log_sharpness = nn.Parameter(torch.full((findings,), log(_SHARPNESS)))

    def forward(self, shallow: Tensor, deep: Tensor) -> tuple[Tensor, Tensor]:
        """Give the logits [N, findings] and the maps [N, findings, h, w], in float32."""
        joined = self.deep(deep)
        if self.shallow is not None:
            side = self.shallow(shallow)
            joined = side + nn.functional.interpolate(joined, side.shape[2:], mode="nearest")
        activation = self.maps(self.mix(self.dropout(joined.relu()))).float()
        flat, sharpness = activation.flatten(2), self.log_sharpness.exp()
        pooled = torch.logsumexp(flat * sharpness[:, None], 2) - log(flat.shape[2])
        return pooled / sharpness, activation


def _normed(channels: int, wanted: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, wanted, 1, bias=False), nn.BatchNorm2d(wanted))


def _levels(features: nn.Sequential) -> tuple[int, int, int]:
    """Say before which part the last halving comes, and the channels there and at the end.

    Where the last part but one halves nothing, the channels there are 0.
    """
    shapes = []
    with torch.no_grad():
        # In evaluation, so that the running statistics keep what was loaded.
        picture = torch.zeros(1, 3, 256, 256)
        for part in features.eval():
            picture = part(picture)
            shapes.append(picture.shape)
    last = shapes[-1]
    for place, shape in enumerate(shapes):
        if shape[2] == last[2] and place:
            return place, shapes[place - 1][1], last[1]
    return len(shapes), 0, last[1]


def _fold(part: nn.Module) -> None:
    """Fold every batch normalisation that follows a convolution into it."""
    named = list(part.named_children())
    for (name, child), (following, after) in pairwise([*named, ("", part)]):
        if isinstance(child, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
            part.add_module(name, fuse_conv_bn_eval(child, after))
            part.add_module(following, nn.Identity())
        else:
            _fold(child)


def _features(architecture: Architecture, weights: str | None) -> nn.Sequential:
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
        return nn.Sequential(*backbone.features.children())
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
