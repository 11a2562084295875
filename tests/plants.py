"""What must never be found in a log, an error, a metric or a trace, and how it is looked for."""

import base64
import re
from collections.abc import Iterable
from io import BytesIO

import numpy as np
from PIL import Image

from tests.dicoms import PATIENT

# As they stand in headers, in names of files, and burned into pictures.
NAMES = (*PATIENT.values(), "Phantom, Paula", "PAULA PHANTOM", "paula.phantom")
KEY = re.compile(rb"endolink_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.")
_PIECE = 24


def pieces(frame: bytes) -> dict[str, bytes]:
    """Give pieces of an encoded frame and of its pixels, as somebody might have written them."""
    with Image.open(BytesIO(frame)) as image:
        pixels = np.asarray(image.convert("RGB"))
    row = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2 :].tobytes()
    found: dict[str, bytes] = {}
    for name, data in (("bytes", frame[len(frame) // 2 :]), ("pixels", row)):
        # Pieces of which a chance hit cannot be: no two values that are all alike.
        piece = data[: 3 * _PIECE]
        found[f"{name} as they are"] = piece[:_PIECE]
        found[f"{name} as hex"] = piece[:_PIECE].hex().encode()
        found[f"{name} in Python"] = repr(piece[:_PIECE])[2:-1].encode()
        found[f"{name} as numbers"] = ", ".join(map(str, piece[:_PIECE])).encode()
        for shift in range(3):
            # Whatever came before it, base64 falls into one of three steps.
            code = base64.b64encode(piece[shift : shift + _PIECE])
            found[f"{name} in base64, {shift}"] = code
            found[f"{name} in base64 for URLs, {shift}"] = code.translate(
                bytes.maketrans(b"+/", b"-_")
            )
    return found


def leaks(text: bytes, *, frames: Iterable[bytes] = (), names: Iterable[str] = NAMES) -> list[str]:
    """Say what of a patient, a key, a token or a frame stands in `text`."""
    lower = text.lower()
    found = [name for name in names if name.lower().encode() in lower]
    found += [what for what, known in (("a key", KEY), ("a token", TOKEN)) if known.search(text)]
    for frame in frames:
        found += [what for what, piece in pieces(frame).items() if piece in text]
    return found
