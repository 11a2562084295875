"""Making a recipe's network, and running it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from endolink.model.errors import TrainingRefused
from endolink.training.frames import Frames
from endolink.training.network import Architecture, Network
from endolink.training.recipe import Recipe


def make(recipe: Recipe, findings: int) -> Network:
    """Make the recipe's network, with the weights that it starts from."""
    torch.manual_seed(recipe.seed)
    architecture = Architecture(recipe.architecture, recipe.dropout, recipe.width, recipe.stem)
    return Network(architecture, findings, recipe.weights)


def infer(
    network: Network, frames: Frames, recipe: Recipe, batch: int = 32
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run frames unaltered, in full precision: logits [N, findings] and embeddings [N, D]."""
    device = next(network.parameters()).device
    logits = [np.empty((0, network.head.out_features), np.float32)]
    embeddings = [np.empty((0, network.head.in_features), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(frames), batch):
            pixels = frames.squares[frames.rows[start : start + batch], :, :, :3]
            output = network(normalise(torch.from_numpy(np.array(pixels)).to(device), recipe))
            logits.append(output.logits.cpu().numpy())
            embeddings.append(output.embedding.cpu().numpy())
    return np.concatenate(logits), np.concatenate(embeddings)


def normalise(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Do `preprocess.normalise` to a batch: uint8 [N, S, S, 3] to float32 [N, 3, S, S]."""
    mean = pixels.new_tensor(recipe.preprocess.mean, dtype=torch.float32) * 255
    std = pixels.new_tensor(recipe.preprocess.std, dtype=torch.float32) * 255
    # The permuted view of channels-last pixels is already in the layout that convolutions like.
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)


def arithmetic(recipe: Recipe, device: torch.device) -> torch.dtype:
    """Say in what the network computes while it learns.

    Raises
    ------
    TrainingRefused
        The recipe asks for what the device has not.
    """
    if recipe.precision == "fp32":
        return torch.float32
    if device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has = torch.cpu.get_capabilities()
        bf16 = any(has.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    if recipe.precision == "auto":
        if bf16:
            return torch.bfloat16
        return torch.float16 if device.type == "cuda" else torch.float32
    if recipe.precision == "bf16" and not bf16:
        raise TrainingRefused(
            f"precision: this {device.type} would only imitate bf16, slowly; leave it at auto"
        )
    return torch.bfloat16 if recipe.precision == "bf16" else torch.float16
