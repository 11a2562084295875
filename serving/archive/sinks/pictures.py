"""The key frames' pictures, fetched again, cleaned, and with what was found marked in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from endolink.model.classifier import Classifier
from endolink.model.errors import EndoLinkError
from endolink.model.frame import Frame, decode
from endolink.model.verdict import Box
from endolink.serving.archive.clean_pixels import clean
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sources import fetch
from endolink.serving.archive.study import KeyFrame, StudyResult

_MARK: Final = (255, 214, 0)


@dataclass(frozen=True, eq=False)
class KeyPicture:
    """A key frame's pixels, uint8 H×W×3 in full, and where its finding was seen in them."""

    key: KeyFrame
    pixels: NDArray[np.uint8]
    box: Box | None

    @property
    def marked(self) -> NDArray[np.uint8]:
        """The pixels with the box drawn, some 0.4 % of the longer side thick."""
        if self.box is None:
            return self.pixels
        image = Image.fromarray(self.pixels)
        width = max(2, round(max(image.size) / 250))
        x0, y0, x1, y1 = self.box
        ImageDraw.Draw(image).rectangle((x0, y0, x1 - 1, y1 - 1), outline=_MARK, width=width)
        return np.asarray(image)


def key_pictures(
    result: StudyResult, classifier: Classifier, reading: Reading, *, identifiers: bool
) -> Iterator[KeyPicture]:
    """Give the pictures of a study's key frames, as far as they are still there.

    The box bounds the activation that speaks for the finding. Unless `identifiers` were asked for,
    everything outside of the view, insets and burned-in text are black, and a frame where that
    cannot be done is left out.
    """
    keys = {key.frame.locator: key for key in result.key_frames}
    for locator, image in fetch(keys, reading):
        key = keys[locator]
        try:
            frame = image if isinstance(image, Frame) else decode(image, limits=reading.limits)
            (verdict,) = classifier.score([frame], explain="box")
        except EndoLinkError:
            continue
        wanted = None if key.finding is None else key.finding.code
        box = next((one.box for one in verdict.findings if one.code == wanted), None)
        pixels = frame.pixels if identifiers else clean(frame).pixels
        if pixels is not None:
            yield KeyPicture(key, pixels, box)
