import inspect
import pkgutil

import numpy as np
import pytest

from endolink.model.frame import Frame, decode
from endolink.model.view import find_view
from endolink.training import corruptions
from endolink.training.corruptions import CORRUPTIONS, STRENGTHS
from tests.training.corruptions.frames import lit_frame


def _pixels(changed: Frame | bytes) -> np.ndarray:
    return decode(changed).pixels if isinstance(changed, bytes) else changed.pixels


@pytest.mark.parametrize("name", set(CORRUPTIONS) - {"inset-removed"})
def test_every_corruption_changes_the_frame_the_same_way_each_time(name: str) -> None:
    frame = lit_frame(600, 480)
    view = find_view(frame)
    item = CORRUPTIONS[name]
    strengths = [_pixels(item.apply(frame, view, level)) for level in range(len(STRENGTHS))]
    for level, pixels in enumerate(strengths):
        assert not np.array_equal(pixels, frame.pixels), level
        assert np.array_equal(pixels, _pixels(item.apply(frame, view, level)))
    assert not np.array_equal(strengths[0], strengths[2])


def test_frames_and_seeds_draw_differently() -> None:
    item = CORRUPTIONS["colour"]
    frame = lit_frame()
    other = Frame(frame.pixels, frame.width, frame.height, "f" * 64)
    view = find_view(frame)
    drawn = [
        _pixels(change).tobytes()
        for change in (
            item.apply(frame, view, 2),
            item.apply(other, view, 2),
            item.apply(frame, view, 2, seed=1),
        )
    ]
    assert len(set(drawn)) == 3


def test_strengths_are_said_in_words() -> None:
    assert CORRUPTIONS["jpeg"].describe(2) == "JPEG of quality 30"
    assert CORRUPTIONS["motion-blur"].describe(0) == "smeared over 1.0% of the view"
    assert all("{" not in item.describe(1) for item in CORRUPTIONS.values())


def test_nothing_is_shared_with_what_a_network_learns_with() -> None:
    for module in pkgutil.iter_modules(corruptions.__path__, f"{corruptions.__name__}."):
        source = inspect.getsource(__import__(module.name, fromlist=["x"]))
        assert "augment" not in source
        assert "torch" not in source
