import numpy as np
import pytest

from endolink.sample_data import clip, truth
from endolink.sample_data.film import FRAME_COUNT, FRAMES_PER_SECOND, scene_at
from endolink.sample_data.phantom import render


def test_the_polyp_enters_and_leaves() -> None:
    frames = truth()["clip"]["frames"]
    assert len(frames) == FRAME_COUNT
    seen = [index for index, frame in enumerate(frames) if "polyp" in frame["findings"]]
    assert 2.5 < seen[0] / FRAMES_PER_SECOND < 4.0
    assert 5.5 < seen[-1] / FRAMES_PER_SECOND < 7.5
    assert seen == list(range(seen[0], seen[-1] + 1)), "it is seen without a gap"


def test_there_is_no_frame_outside_the_clip() -> None:
    with pytest.raises(ValueError, match="frames 0 to 249"):
        scene_at(FRAME_COUNT)
    with pytest.raises(ValueError, match="not -1"):
        scene_at(-1)


def test_the_scope_moves_smoothly() -> None:
    cameras = [scene_at(index).camera for index in range(FRAME_COUNT)]
    path = np.array([(*c.offset, c.travel, c.yaw / 60, c.pitch / 60) for c in cameras])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.max() < 0.06


def test_the_committed_clip_decodes_to_its_frames() -> None:
    av = pytest.importorskip("av", reason="PyAV is missing: the `archive` extra brings it")
    said = truth()["clip"]
    with av.open(str(clip())) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == said["frames_per_second"]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == said["frame_count"] == 250
    assert frames[0].shape == (said["height"], said["width"], 3)
    again = render(scene_at(140))
    difference = np.abs(frames[140].astype(int) - again.frame.astype(int))
    assert difference.mean() < 8
    assert list(again.truth.polyp_box or ()) == said["frames"][140]["polyp_box"]
