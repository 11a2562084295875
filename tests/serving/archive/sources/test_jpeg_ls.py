import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jpeg_ls
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import uid

from endolink.model.errors import DicomCorrupt
from endolink.serving.archive.sources.jpeg_ls import JpegLs
from tests.conftest import REPOSITORY
from tests.dicoms import picture

# 853 bytes over which CharLS in pyjpegls 1.5.1 does not come back, of a frame of 48 × 40.
HANGING = (REPOSITORY / "tests/fuzz/corpus/jpeg_ls/found-hang").read_bytes()


@pytest.fixture
def decoder() -> Iterator[JpegLs]:
    decoder = JpegLs()
    yield decoder
    decoder.close()


def options(height: int, width: int, samples: int) -> dict[str, Any]:
    return {
        "rows": height,
        "columns": width,
        "number_of_frames": 1,
        "samples_per_pixel": samples,
        "bits_allocated": 8,
        "bits_stored": 8,
        "photometric_interpretation": "RGB" if samples == 3 else "MONOCHROME2",
        "pixel_representation": 0,
        "planar_configuration": 0,
        "pixel_keyword": "PixelData",
    }


def decoded(decoder: JpegLs, frame: NDArray[np.uint8]) -> bool:
    data = bytes(jpeg_ls.encode_array(frame, interleave_mode=2))
    found = decoder.decode(data + bytes(len(data) % 2), uid.JPEGLSLossless, options(*frame.shape))
    return found.dtype == np.uint8 and np.array_equal(found, frame)


def test_a_frame_that_hangs_is_refused_and_the_next_one_decodes(decoder: JpegLs) -> None:
    assert decoded(decoder, picture(0))
    helper = decoder.helper
    assert helper is not None
    begun = time.monotonic()
    with pytest.raises(DicomCorrupt, match=r"takes more than 1\.0 s"):
        decoder.decode(HANGING, uid.JPEGLSLossless, options(40, 48, 3))
    assert 0.9 < time.monotonic() - begun < 5
    # It has ended and was waited for.
    assert helper.returncode is not None
    assert decoder.helper is None
    assert decoded(decoder, picture(1))


def test_one_helper_is_kept_between_frames_damaged_ones_too(decoder: JpegLs) -> None:
    assert decoded(decoder, picture(0))
    helper = decoder.helper
    with pytest.raises(DicomCorrupt, match="cannot be decoded"):
        decoder.decode(b"\xff\xd8\xff\xd9", uid.JPEGLSLossless, options(40, 48, 1))
    assert decoded(decoder, picture(1))
    assert decoder.helper is helper is not None
    decoder.close()
    assert helper.returncode is not None


def test_a_helper_that_was_killed_is_replaced(decoder: JpegLs) -> None:
    assert decoded(decoder, picture(0))
    assert decoder.helper is not None
    os.kill(decoder.helper.pid, signal.SIGKILL)
    os.waitid(os.P_PID, decoder.helper.pid, os.WEXITED | os.WNOWAIT)
    assert decoded(decoder, picture(1))


def test_threads_get_each_its_own_frame(decoder: JpegLs) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda index: decoded(decoder, picture(index)), range(16)))


FORKING = """
import os
from tests.serving.archive.sources.test_jpeg_ls import decoded, picture
from endolink.serving.archive.sources.jpeg_ls import JPEG_LS

assert decoded(JPEG_LS, picture(0))
child = os.fork()
if not child:
    right = decoded(JPEG_LS, picture(1))
    JPEG_LS.close()
    os._exit(0 if right else 1)
assert decoded(JPEG_LS, picture(2))
assert os.waitpid(child, 0)[1] == 0
assert decoded(JPEG_LS, picture(3))
"""


def test_a_forked_process_has_a_helper_of_its_own_and_nothing_is_left_at_the_end() -> None:
    command = [sys.executable, "-W", "error", "-c", FORKING]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
