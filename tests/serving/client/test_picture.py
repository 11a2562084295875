from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from endolink.serving.client.picture import encode
from tests.serving.service import picture


def _open(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def test_bytes_are_sent_as_they_are() -> None:
    assert encode(b"anything", 10, 10) == b"anything"


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_picture_is_shrunk_to_its_shorter_side(mode: str) -> None:
    image = _open(picture(size=(1280, 1024))).convert(mode)
    small = _open(encode(image, 256, 80))
    assert small.size == (320, 256)
    assert small.format == "JPEG"
    assert small.mode == "RGB"


def test_it_is_never_enlarged() -> None:
    assert _open(encode(_open(picture(size=(320, 256))), 512, 80)).size == (320, 256)


def test_an_array_is_a_picture_and_quality_counts() -> None:
    pixels = np.asarray(_open(picture(size=(640, 512))))
    assert len(encode(pixels, 512, 90)) > len(encode(pixels, 512, 40))


@pytest.mark.parametrize("pixels", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)])
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 H×W×3"):
        encode(pixels, 8, 50)
