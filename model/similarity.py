"""Near-identical frames: bursts of one scene, which must not straddle a split nor crowd a report.

A frame is described by its view alone, shrunk, as in the perceptual hashes of image retrieval
(Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010), with two
differences that endoscopy asks for. Brightness is normalised within its neighbourhood (local
contrast normalisation: Jarrett et al., "What is the best multi-stage architecture for object
recognition?", ICCV 2009), since every view is bright at the rim and dark in the lumen, and a plain
thumbnail finds them all alike. And what the view masks, an inset or burned-in text, is left out of
the means and set to naught, so that a box in the corner makes no two frames alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, sparse

from endolink.model.frame import Frame
from endolink.model.preprocess import lie
from endolink.model.view import Box, View

# Two frames at most this far apart are taken for one scene. Measured on 1,805 HyperKvasir frames:
# of the 3,140 pairs within it, 6 join frames whose classes no one scene shows (a polyp, a cecum, a
# grade of preparation); at 0.28 it is 1 of 2,812, at 0.34 32 of 3,920, and from there unrelated
# scenes chain. True pairs of one burst go on beyond: to group too much costs a split little, a leak
# costs it its meaning.
SAME_SCENE: Final = 0.3

SIDE: Final = 32  # the view is shrunk to this many pixels a side
_STRUCTURE, _COLOUR = 16, 4  # ... and to these for brightness and colour
_NEIGHBOURHOOD = SIDE / 4  # sigma of the local mean and contrast, in pixels of the shrunken view
_NOISE = 8.0  # contrast, in grey levels, below which there is nothing to normalise
_SHOWN = 0.9  # a shrunken pixel counts where at least this share of it shows the patient
_COLOUR_WEIGHT = 8.0  # of the mean squared difference of log colour ratios, against 1 - correlation
_DARK = 16.0  # grey levels added to each channel, so that the ratios of dark pixels stay calm
_ROWS = 256  # descriptors compared with all others at a time: 10 MB of distances for 10,000 frames

SIZE: Final = _STRUCTURE**2 + 2 * _COLOUR**2


def describe(frame: Frame, view: View) -> NDArray[np.float32]:
    """Describe what `view` shows of `frame` in a vector of `SIZE` numbers, float32.

    Half the squared distance of two descriptors is 1 - the correlation of the two views'
    brightness, plus the weighted difference of their colours.
    """
    return describe_glance(Glance.of_frame(frame, view))


@dataclass(frozen=True, eq=False)
class Glance:
    """What is kept of a frame to describe it by: 16 KB, however large it is.

    `rgb` is what the view shows, shrunk, float32 SIDE×SIDE×3; `share` how much of each of its
    pixels shows the patient, float32 SIDE×SIDE, from 0 to 1.
    """

    rgb: NDArray[np.float32]
    share: NDArray[np.float32]

    @classmethod
    def of_frame(cls, frame: Frame, view: View) -> "Glance":
        """Shrink what `view` shows of `frame`."""
        return cls(_shrunken(frame.pixels, view.box), _share(view))

    @classmethod
    def of_square(cls, square: NDArray[np.uint8], view: View) -> "Glance":
        """Shrink what `endolink.model.preprocess.square` made of a frame, uint8 size×size×3.

        It says what the frame says and is smaller: the two descriptors of a frame are nearer to
        each other than a tenth of `SAME_SCENE`, which a test holds on rendered frames.
        """
        return cls(_shrunken(square, lie(view, len(square))), _share(view))


def describe_glance(glance: Glance) -> NDArray[np.float32]:
    """Describe a frame, as `describe` does, by what was kept of it."""
    rgb, share = glance.rgb, glance.share
    shown = (share >= _SHOWN).astype(np.float32)

    # ITU-R BT.601 luma, what a JPEG keeps best.
    luma: NDArray[np.float32] = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    weights = _smooth(shown) + 1e-3  # a local mean is of the pixels shown alone
    detail = (luma - _smooth(luma * shown) / weights) * shown
    contrast = np.sqrt(_smooth(detail**2) / weights) + _NOISE
    structure = _shrink((detail / contrast).astype(np.float32), _STRUCTURE).ravel()
    structure = structure / (np.linalg.norm(structure) + 1e-6)

    weight = _shrink(shown, _COLOUR)
    means = np.stack([_shrink(rgb[..., c] * shown, _COLOUR) for c in range(3)])
    bright = means / np.maximum(weight, 1e-3) + _DARK
    ratios = np.log(bright[[0, 2]] / bright[1]) * np.sqrt(weight)
    colour = ratios.ravel() * np.sqrt(2 * _COLOUR_WEIGHT) / _COLOUR
    return np.concatenate([structure, colour]).astype(np.float32)


def distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return how unlike two described frames are: 0 for the same, about 1 for unrelated ones."""
    return float(((one - other) ** 2).sum() / 2)


def twins(descriptors: NDArray[np.float32], threshold: float = SAME_SCENE) -> NDArray[np.intp]:
    """Return every pair (i, j), i < j, at most `threshold` apart, as an array P×2 in order."""
    pairs = [np.empty((0, 2), np.intp), *_near(descriptors, threshold)]
    return np.concatenate(pairs)


def groups(descriptors: NDArray[np.float32], threshold: float = SAME_SCENE) -> NDArray[np.intp]:
    """Give each of N frames its scene's number: int N, from 0, in order of first appearance.

    Two frames are in one group where a chain of pairs, each at most `threshold` apart, joins them:
    a burst drifts, and its first frame need not resemble its last. Memory grows with N, not with
    the number of pairs.
    """
    labels: NDArray[np.intp] = np.arange(len(descriptors))
    for pairs in _near(descriptors, threshold):
        ends = labels[pairs]
        joined = sparse.coo_array(
            (np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(len(labels),) * 2
        )
        _, component = sparse.csgraph.connected_components(joined, directed=False)
        labels = component.astype(np.intp)[labels]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _near(descriptors: NDArray[np.float32], threshold: float) -> Iterator[NDArray[np.intp]]:
    """Yield the pairs (i, j), i < j, at most `threshold` apart, some rows at a time."""
    halves = (descriptors**2).sum(axis=1) / 2
    for start in range(0, len(descriptors), _ROWS):
        block = slice(start, start + _ROWS)
        products = descriptors[block] @ descriptors[start:].T
        apart = halves[block, None] + halves[None, start:] - products
        one, other = np.nonzero(np.triu(apart <= threshold, 1))
        yield np.stack([one, other], axis=1) + start


def _share(view: View) -> NDArray[np.float32]:
    shown = np.where(view.mask, np.uint8(255), np.uint8(0))
    share: NDArray[np.float32] = _shrunken(shown, view.box) / np.float32(255)
    return share


def _shrunken(plane: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
    size = (SIDE, SIDE)
    image = Image.fromarray(plane).resize(size, Image.Resampling.BOX, box=box)
    return np.asarray(image, np.float32)


# A Gaussian filter of so small a plane is quickest as a matrix, applied from both sides.
_GAUSSIAN: Final = np.asarray(
    ndimage.gaussian_filter1d(np.eye(SIDE), _NEIGHBOURHOOD, axis=0), np.float32
)


def _smooth(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the Gaussian mean of each pixel's neighbourhood."""
    return np.asarray(_GAUSSIAN @ plane @ _GAUSSIAN.T, np.float32)


def _shrink(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    block = SIDE // side
    mean: NDArray[np.float32] = plane.reshape(side, block, side, block).mean(axis=(1, 3))
    return mean
