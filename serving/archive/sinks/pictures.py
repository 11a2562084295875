"""The key frames' pictures, fetched again, cleaned, and with what was found shown in them.

What speaks for a finding is shown as a heat map over the picture: the colour says how much, and
where nothing does the picture is untouched.
"""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from endolink.model.classifier import Classifier
from endolink.model.errors import EndoLinkError
from endolink.model.frame import Frame, decode
from endolink.model.verdict import Box, ExplainedVerdict, Verdict
from endolink.serving.archive.clean_pixels import clean
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sources import fetch
from endolink.serving.archive.study import KeyFrame, StudyResult

_MARK: Final = (255, 214, 0)

# Below this share of its peak a map says little, and would only veil the picture.
_SPEAKS: Final = 0.3
_MOST_OPAQUE: Final = 0.45
# Blue over cyan to a pale yellow: what mucosa never is, in the same order for whoever cannot
# tell red from green.
_COLOURS: Final = np.array([(20, 30, 140), (0, 110, 220), (40, 220, 210), (245, 255, 170)])


@dataclass(frozen=True, eq=False)
class Heat:
    """How much each part of the frame within `box` speaks for a finding: uint8 h×w, 255 at most."""

    shades: NDArray[np.uint8]
    box: Box

    @property
    def picture(self) -> Image.Image:
        """The map in colours, RGBA h×w: transparent where little speaks for the finding."""
        share = self.shades / 255
        steps = np.linspace(0, 1, len(_COLOURS))
        colours = [np.interp(share, steps, _COLOURS[:, channel]) for channel in range(3)]
        opaque = np.clip((share - _SPEAKS) / (1 - _SPEAKS), 0, 1) * _MOST_OPAQUE * 255
        return Image.fromarray(np.stack([*colours, opaque], axis=-1).astype(np.uint8), "RGBA")


@dataclass(frozen=True, eq=False)
class KeyPicture:
    """A key frame's pixels, uint8 H×W×3 in full, and where its finding was seen in them."""

    key: KeyFrame
    pixels: NDArray[np.uint8]
    box: Box | None
    heat: Heat | None = None

    @property
    def marked(self) -> NDArray[np.uint8]:
        """The pixels with the heat map over them and the box drawn, some 0.4 % of the side thick.

        What was blanked stays black.
        """
        if self.box is None:
            return self.pixels
        image = Image.fromarray(self.pixels)
        if self.heat is not None:
            x0, y0, x1, y1 = self.heat.box
            over = self.heat.picture.resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC)
            image.paste(over, (x0, y0), over.getchannel("A"))
            blanked = Image.fromarray(~np.asarray(self.pixels, bool).any(axis=2))
            image.paste((0, 0, 0), mask=blanked)
        width = max(2, round(max(image.size) / 250))
        x0, y0, x1, y1 = self.box
        ImageDraw.Draw(image).rectangle((x0, y0, x1 - 1, y1 - 1), outline=_MARK, width=width)
        return np.asarray(image)


def key_pictures(
    result: StudyResult, classifier: Classifier, reading: Reading, *, identifiers: bool
) -> Iterator[KeyPicture]:
    """Give the pictures of a study's key frames, as far as they are still there.

    The heat map is of what speaks for the finding, and the box bounds it. Unless `identifiers` were
    asked for, everything outside of the view, insets and burned-in text are black, and a frame
    where that cannot be done is left out.
    """
    keys = {key.frame.locator: key for key in result.key_frames}
    times = {key.frame.locator: key.frame.time_s for key in result.key_frames}
    for locator, image in fetch(times, reading):
        key = keys[locator]
        try:
            frame = image if isinstance(image, Frame) else decode(image, limits=reading.limits)
            (verdict,) = classifier.score([frame], explain="heatmap")
        except EndoLinkError:
            continue
        if not _is_same(frame, key):  # the file is another one by now
            continue
        wanted = None if key.finding is None else key.finding.code
        box = next((one.box for one in verdict.findings if one.code == wanted), None)
        pixels = frame.pixels if identifiers else clean(frame).pixels
        if pixels is not None:
            yield KeyPicture(key, pixels, box, _heat(verdict, wanted))


def _heat(verdict: Verdict, finding: str | None) -> Heat | None:
    """Find the map of a finding; there is none where it is not present."""
    if not isinstance(verdict, ExplainedVerdict):
        return None
    for one in verdict.heatmaps:
        if one.code == finding:
            with Image.open(io.BytesIO(base64.b64decode(one.png))) as image:
                return Heat(np.asarray(image), one.box)
    return None


def _is_same(frame: Frame, key: KeyFrame) -> bool:
    return isinstance(key.frame.outcome, Verdict) and key.frame.outcome.frame.sha256 == frame.sha256
