"""One frame of JPEG-LS out of a DICOM file, as CharLS decodes it."""

import jpeg_ls
import numpy as np
from pydicom import uid

from endolink.model.errors import EndoLinkError
from endolink.serving.archive.sources.pixels import PixelFormat, decode_pixels
from tests.fuzz.pictures import SIZE, plain

LONGEST = 2048
# Over some damaged streams CharLS (in pyjpegls 1.5.1) takes seconds, over others much longer,
# whatever the size: found here and not mended, as docs/threat-model.md says.
MOST_S = 6.0


def check(data: bytes) -> None:
    """Decode a frame of grey, or of colours where the last byte is odd."""
    width, height = SIZE
    samples, photometric = (3, "RGB") if data[-1:] and data[-1] % 2 else (1, "MONOCHROME2")
    pixel_format = PixelFormat(
        uid.JPEGLSLossless, height, width, samples, photometric, 8, 8, planar=0
    )
    try:
        frame = decode_pixels(data, pixel_format, 0)
    except EndoLinkError as error:
        assert error.detail
        return
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
