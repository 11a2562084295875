from dataclasses import replace

import numpy as np
import pytest

from endolink.training.augment import Augment
from endolink.training.drawing import Chances, Drawer
from endolink.training.frames import Drawings, Frames

FILL = (124, 116, 104)
NEVER = Chances(lesion_free=0, transplant=0, seam=0, tone=0, mask=0, heal=0)
PLAIN = Augment(
    64,
    FILL,
    zoom=(1.0, 1.0),
    **dict.fromkeys(
        ("colour", "cast", "halation", "glint", "instrument", "blur", "shrink", "sharpen"), 0.0
    ),
    **dict.fromkeys(("noise", "interlace", "jpeg", "scope", "inset", "text"), 0.0),
)


@pytest.fixture
def frames() -> Frames:
    """Two frames with a bright lesion, one of them traced, and two without; two findings."""
    squares = np.empty((4, 96, 96, 4), np.uint8)
    squares[:] = (170, 90, 80, 255)
    outlines = np.zeros((4, 96, 96), np.uint8)
    squares[0, 30:50, 40:64, :3] = squares[1, 30:50, 40:64, :3] = (240, 200, 190)
    outlines[0, 30:50, 40:64] = 255
    present = np.array([[True, False], [True, False], [False, True], [False, False]])
    traced = np.array([True, False, False, False])
    return Frames(
        squares,
        np.arange(4),
        present,
        np.ones((4, 2), bool),
        np.arange(4),
        Drawings(squares, outlines, traced, 0),
    )


def _bright(pixels: np.ndarray) -> float:
    return float((pixels[..., 1] > 145).mean())


def test_a_frame_is_drawn_as_it_is_where_nothing_happens(frames: Frames) -> None:
    drawer = Drawer(frames, PLAIN, NEVER)
    for row, traced in enumerate((True, False, True, True)):
        example = drawer(row, np.random.default_rng(row))
        assert example.pixels.shape == (64, 64, 3)
        assert (example.present == frames.present[row]).all()
        assert example.known.all()
        assert example.traced == traced
    assert (drawer(0, np.random.default_rng(0)).outline > 127).any()


def test_a_frame_without_is_given_a_lesion_and_keeps_its_other_findings(frames: Frames) -> None:
    drawer = Drawer(frames, PLAIN, replace(NEVER, transplant=1.0))
    given = 0
    for seed in range(20):
        example = drawer(2, np.random.default_rng(seed))
        assert example.traced
        assert example.present[1]
        assert example.present[0] == (example.outline > 127).any()
        given += bool(example.present[0])
    assert given >= 14


def test_a_frame_with_a_lesion_is_drawn_without_it(frames: Frames) -> None:
    drawer = Drawer(frames, PLAIN, replace(NEVER, lesion_free=1.0))
    free = 0
    for seed in range(30):
        example = drawer(0, np.random.default_rng(seed))
        if not example.present[0]:
            free += 1
            assert not example.outline.any()
            assert _bright(example.pixels) < 0.01
            # What else it shows was said of the whole frame.
            assert example.known.tolist() == [True, False]
    assert free >= 20


def test_a_seam_is_no_lesion(frames: Frames) -> None:
    drawer = Drawer(frames, PLAIN, replace(NEVER, seam=1.0))
    for seed in range(10):
        example = drawer(3, np.random.default_rng(seed))
        assert not example.present[0]
        assert not example.outline.any()


def test_a_lesion_moved_out_of_the_picture_is_absent_and_a_rest_of_it_is_not_asked_for(
    frames: Frames,
) -> None:
    drawer = Drawer(frames, replace(PLAIN, zoom=(0.35, 0.35)), NEVER)
    seen = {"present": 0, "absent": 0}
    for seed in range(60):
        example = drawer(0, np.random.default_rng(seed))
        share = (example.outline > 127).mean()
        if share == 0:
            assert not example.present[0]
            seen["absent"] += 1
        elif share > 0.05:
            assert example.present[0]
            assert example.known[0]
            seen["present"] += 1
    assert min(seen.values()) >= 5


def test_blanked_parts_are_healed_with_the_view_and_its_lesion(frames: Frames) -> None:
    squares = frames.squares
    squares[0, 60:, :40] = (*FILL, 0)
    drawer = Drawer(frames, PLAIN, replace(NEVER, heal=1.0))
    example = drawer(0, np.random.default_rng(5))
    plain = Drawer(frames, PLAIN, NEVER)(0, np.random.default_rng(5))
    blank = (np.asarray(example.pixels) == FILL).all(axis=2).mean()
    # What is left are the corners of a picture that was turned.
    assert blank < (plain.pixels == FILL).all(axis=2).mean() - 0.08


def test_frames_without_drawings_are_drawn_from_their_squares(frames: Frames) -> None:
    drawer = Drawer(replace(frames, drawings=None), PLAIN, Chances())
    example = drawer(0, np.random.default_rng(0))
    assert not example.traced
    assert example.known.all()


def test_what_is_drawn_depends_on_the_generator_alone(frames: Frames) -> None:
    drawer = Drawer(frames, Augment(64, FILL), Chances())
    for row in range(4):
        one, same = (drawer(row, np.random.default_rng((3, row))) for _ in range(2))
        assert np.array_equal(one.pixels, same.pixels)
        assert np.array_equal(one.outline, same.outline)
