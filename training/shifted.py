"""Frames that were held back, as other scopes and hospitals might have shown them."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from endolink.training.drawing import Chances, drawer_of
from endolink.training.frames import Bools, Frames
from endolink.training.inference import normalise
from endolink.training.network import Network
from endolink.training.recipe import Recipe

# No epoch of training has this number.
_EPOCH = 1_000_003
_BATCH = 16
# Oftener than in training a frame is seen without its lesion: there the same scope, light and
# hospital must say no.
_CHANCES = Chances(lesion_free=0.6, transplant=0.2)


def infer_shifted(
    network: Network, frames: Frames, recipe: Recipe, *, times: int = 2
) -> tuple[NDArray[np.float32], Bools, Bools]:
    """Run each frame `times`, drawn anew: logits, present and known, each [times x N, findings].

    They are drawn as training frames are, with lesions transplanted and taken away, at the size
    that the network is judged at.
    """
    drawer = drawer_of(frames, replace(recipe, train_size=recipe.size), _CHANCES)
    logits, present, known = [], [], []
    with torch.inference_mode():
        for time in range(times):
            for start in range(0, len(frames), _BATCH):
                drawn = [
                    drawer(row, np.random.default_rng((recipe.seed, _EPOCH + time, row)))
                    for row in range(start, min(start + _BATCH, len(frames)))
                ]
                pixels = torch.from_numpy(np.stack([example.pixels for example in drawn]))
                logits.append(network(normalise(pixels, recipe)).logits.numpy())
                present += [example.present for example in drawn]
                known += [example.known for example in drawn]
    return np.concatenate(logits), np.stack(present), np.stack(known)
