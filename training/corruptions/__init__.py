"""What differs between hospitals, drawn on a frame that must still be judged alike.

Nothing here is shared with `training.augment`: a network tested by the code that it learned with
would show that it remembers the code. Every change has three strengths, draws from a generator
seeded by the frame's own digest, so that it is the same on every machine and in every run, and
draws the same at each strength, so that only the strength differs.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from endolink.model.frame import Frame
from endolink.model.view import View
from endolink.training.corruptions import overlay, picture, scope

Change = Callable[[Frame, View, Any, np.random.Generator], Frame | bytes]

STRENGTHS = ("mild", "middle", "strong")
MIDDLE = 1


@dataclass(frozen=True)
class Corruption:
    """One change: what a person calls it, what makes it strong, and how it is drawn.

    `levels` are the parameters of `change` at the three strengths, `says` names the parameter, `{}`
    standing for it.
    """

    name: str
    says: str
    levels: tuple[Any, Any, Any]
    change: Change

    def apply(self, frame: Frame, view: View, strength: int, *, seed: int = 0) -> Frame | bytes:
        """Change `frame`, decoded in full, at strength 0, 1 or 2; `view` is its own."""
        key = f"{seed}/{self.name}/{frame.sha256}".encode()
        rng = np.random.default_rng(list(hashlib.sha256(key).digest()))
        return self.change(frame, view, self.levels[strength], rng)

    def describe(self, strength: int) -> str:
        """Say in words what this strength means."""
        return self.says.format(self.levels[strength])


CORRUPTIONS: dict[str, Corruption] = {
    item.name: item
    for item in (
        Corruption(
            "scope-mask",
            "another scope's mask leaves {:.0%} of the view",
            (0.95, 0.88, 0.8),
            scope.mask,
        ),
        Corruption(
            "off-centre",
            "the view at one side of a 16:9 screen, {:.0%} of it beyond the edge",
            (0.0, 0.05, 0.12),
            scope.off_centre,
        ),
        Corruption("rotation", "turned: {}", ("mirror", "quarter", "any angle"), scope.turn),
        Corruption(
            "inset",
            "an inset of any colour in a corner, {:.0%} of the view wide",
            (0.18, 0.26, 0.34),
            overlay.inset,
        ),
        Corruption("text", "{} lines of text", (2, 5, 9), overlay.text),
        Corruption(
            "instrument",
            "forceps, a snare or a cap that reaches {:.0%} into the view",
            (0.2, 0.32, 0.45),
            overlay.instrument,
        ),
        Corruption(
            "colour",
            "channels and gamma up to {:.0%} off",
            (0.08, 0.16, 0.3),
            picture.colour,
        ),
        Corruption("sharpening", "unsharp mask of {} %", (80, 160, 300), picture.sharpen),
        Corruption("jpeg", "JPEG of quality {}", (70, 50, 30), picture.compress),
        Corruption("downscale", "{} pixels on the shorter side", (384, 256, 160), picture.shrink),
        Corruption(
            "motion-blur", "smeared over {:.1%} of the view", (0.01, 0.02, 0.04), picture.smear
        ),
        Corruption(
            "interlacing",
            "fields {:.1%} of the view apart",
            (0.005, 0.01, 0.02),
            picture.interlace,
        ),
        Corruption("glare", "{} highlights", (5, 12, 25), picture.glare),
        Corruption(
            "inset-removed",
            "every inset painted over with tissue",
            ("", "", ""),
            overlay.remove_inset,
        ),
    )
}
"""Every corruption of the stress suite, by its name."""
