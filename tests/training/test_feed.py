import numpy as np

from endolink.training.drawing import drawer_of
from endolink.training.feed import batches
from endolink.training.run import Material
from tests.training.conftest import TINY


def _fed(material: Material, parts: list[list[int]], key: tuple[int, int]) -> list[np.ndarray]:
    frames = material.frames(range(10))
    given = [np.array(part) for part in parts]
    fed = list(batches(given, drawer_of(frames, TINY), key))
    assert [batch.rows.tolist() for batch in fed] == parts
    assert all(batch.pixels.shape == (len(batch), 64, 64, 3) for batch in fed)
    assert all(batch.targets.present.shape == (len(batch), 3) for batch in fed)
    return [batch.pixels.numpy() for batch in fed]


def test_a_frame_is_changed_alike_in_whatever_batch_it_comes(material: Material) -> None:
    together = np.concatenate(_fed(material, [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]], (1, 2)))
    apart = np.concatenate(_fed(material, [[row] for row in range(10)], (1, 2)))
    assert np.array_equal(together, apart)


def test_another_epoch_changes_it_otherwise(material: Material) -> None:
    (one,), (other,) = _fed(material, [[0, 1]], (1, 2)), _fed(material, [[0, 1]], (1, 3))
    assert not np.array_equal(one, other)
