import numpy as np

from endolink.training.frames import Frames


def _burst(*sizes: int) -> Frames:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    none = np.zeros((len(groups), 1), bool)
    return Frames(np.empty((0, 8, 8, 4), np.uint8), np.arange(len(groups)), none, ~none, groups)


def test_an_epoch_takes_a_few_frames_of_a_burst_and_others_the_next_time() -> None:
    frames = _burst(100, 1, 3, 40)
    assert frames.epoch_size(8) == 8 + 1 + 3 + 8
    one, other = (frames.draw(8, np.random.default_rng(seed)) for seed in (0, 1))
    for drawn in (one, other):
        assert len(set(drawn)) == len(drawn) == 20
        assert np.bincount(frames.groups[drawn]).tolist() == [8, 1, 3, 8]
    assert set(one) != set(other)


def test_every_frame_has_its_turn_as_often_as_said() -> None:
    frames = _burst(20, 2)
    drawn = [frames.draw(5, np.random.default_rng(seed)) for seed in range(400)]
    often = np.bincount(np.concatenate(drawn)) / 400
    assert np.allclose(often, frames.share(5), atol=0.1)
    assert frames.share(5).tolist() == [0.25] * 20 + [1.0, 1.0]
