from pathlib import Path

import numpy as np
from pydicom import dcmread

from endolink.serving.archive.study import StudyResult


def test_captures_show_the_key_frames(result: StudyResult, written: Path) -> None:
    captures = sorted(written.glob("capture-*.dcm"))
    assert len(captures) == len(result.key_frames)
    capture = dcmread(captures[0])
    assert capture.pixel_array.shape == (capture.Rows, capture.Columns, 3)
    assert capture.pixel_array.astype(np.uint8).std() > 10
    assert result.notice in capture.ImageComments
    assert capture.SourceImageSequence
