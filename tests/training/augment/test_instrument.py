import numpy as np
from PIL import Image

from endolink.training.augment import instrument


def test_instruments_change_the_view_and_forceps_hide_what_is_behind_them() -> None:
    hiding = 0
    for seed in range(40):
        picture = Image.new("RGB", (96, 96), (180, 90, 80))
        where = Image.new("L", (96, 96), 255)
        seen = instrument.draw(picture, where, np.random.default_rng(seed))
        changed = (np.asarray(picture) != (180, 90, 80)).any(axis=2)
        assert 0.005 < changed.mean() < 0.7
        hidden = np.asarray(seen) == 0
        hiding += bool(hidden.any())
        # Only what was drawn upon can be hidden.
        assert not (hidden & ~changed).any()
    assert 5 <= hiding <= 30
