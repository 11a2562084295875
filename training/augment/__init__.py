"""Frames as other scopes, processors, hands and links would have shown them.

Everything here is drawn from a generator made of (seed, epoch, frame), so that a run is the same
whatever the workers, and goes on the same after a stop. The work is done by Pillow, frame by frame,
at a few milliseconds each: `torchvision.transforms.v2` draws one set of parameters a batch or costs
several times as much a frame, and its JPEG needs a compiled operator.
"""

from endolink.training.augment.augment import Augment, Changed

__all__ = ["Augment", "Changed"]
