import numpy as np

from endolink.training.inference import infer, make
from endolink.training.run import Material
from tests.training.conftest import TINY


def test_frames_are_inferred_alike_whatever_the_batch(material: Material) -> None:
    network = make(TINY, 3).eval()
    frames = material.frames(range(7))
    one, several = infer(network, frames, TINY, batch=1), infer(network, frames, TINY, batch=5)
    for left, right in zip(one, several, strict=True):
        assert left.shape[0] == 7
        assert np.allclose(left, right, atol=1e-5)
