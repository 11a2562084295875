import numpy as np

from endolink.training.inference import make
from endolink.training.run import Material
from endolink.training.shifted import infer_shifted
from tests.training.conftest import TINY


def test_every_frame_is_judged_as_often_as_asked_and_each_time_otherwise(
    material: Material,
) -> None:
    frames = material.frames(range(6))
    network = make(TINY, 3).eval()
    logits, present, known = infer_shifted(network, frames, TINY, times=2)
    again, _, _ = infer_shifted(network, frames, TINY, times=2)
    assert logits.shape == present.shape == known.shape == (12, 3)
    assert np.array_equal(logits, again)
    assert (np.abs(logits[:6] - logits[6:]).max(axis=1) > 0).all()
    assert (present[:6] == frames.present).all()
