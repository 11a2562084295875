import dataclasses

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("sampling", "expected"), [(0.0, (60, 12)), (0.5, (50, 22)), (1.0, (36, 36))]
)
def test_rare_labels_are_drawn_oftener(sampling: float, expected: tuple[int, int]) -> None:
    frames = _burst(*[1] * 72)
    rare = dataclasses.replace(frames, present=(np.arange(72) % 6 == 0)[:, None])
    drawn = rare.draw(1, np.random.default_rng(0), sampling)
    found = np.bincount(rare.present[drawn, 0].astype(int))
    assert len(drawn) == rare.epoch_size(1) == 72
    assert np.abs(found - expected).max() <= 1
    # Repeats are spread evenly: no frame is drawn twice oftener than its like.
    often = np.bincount(drawn, minlength=72)[rare.present[:, 0]]
    assert often.max() - often.min() <= 1


def test_some_frames_are_taken_with_all_that_is_theirs() -> None:
    frames = _burst(3, 2)
    some = frames.take(np.array([4, 0]))
    assert some.rows.tolist() == [4, 0]
    assert some.groups.tolist() == [1, 0]
    assert len(some) == len(some.present) == len(some.known) == 2
