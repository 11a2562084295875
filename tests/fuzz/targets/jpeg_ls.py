"""One frame of JPEG-LS out of a DICOM file, as CharLS decodes it in its helper.

The bounds on time and memory are those of the process that asks; the helper's own end it, which is
an error as any other. `found-hang` is the frame over which CharLS does not come back.
"""

import jpeg_ls
import numpy as np
from pydicom import uid

from endolink.model.errors import EndoLinkError
from endolink.serving.archive.sources.jpeg_ls import JPEG_LS
from endolink.serving.archive.sources.pixels import PixelFormat, decode_pixels
from tests.fuzz.pictures import SIZE, plain

LONGEST = 2048
# A frame this small takes a millisecond: many that hang shall not use up the time to find others.
PATIENCE_S = 0.1


def check(data: bytes) -> None:
    """Decode a frame of grey, or of colours where the last byte is odd."""
    width, height = SIZE
    samples, photometric = (3, "RGB") if data[-1:] and data[-1] % 2 else (1, "MONOCHROME2")
    pixel_format = PixelFormat(
        uid.JPEGLSLossless, height, width, samples, photometric, 8, 8, planar=0
    )
    JPEG_LS.patience_s, usual = PATIENCE_S, JPEG_LS.patience_s
    try:
        frame = decode_pixels(data, pixel_format, 0)
    except EndoLinkError as error:
        assert error.detail
        return
    finally:
        JPEG_LS.patience_s = usual
    assert not isinstance(frame, bytes)
    assert frame.pixels.shape == (height, width, 3)


def seeds() -> dict[str, bytes]:
    """Grey and colours in each order, with and without loss."""
    pixels = np.asarray(plain())
    made = {
        f"colour-{order}-{loss}": jpeg_ls.encode_array(
            pixels, lossy_error=loss, interleave_mode=order
        )
        for order in (0, 1, 2)
        for loss in (0, 2)
    }
    made["grey"] = jpeg_ls.encode_array(np.ascontiguousarray(pixels[..., 0]))
    return {name: bytes(data) + bytes([name != "grey"]) for name, data in made.items()}
