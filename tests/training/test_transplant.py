import numpy as np

from endolink.training.transplant import Pixels, graft


def _tissue(level: int) -> Pixels:
    square = np.empty((128, 128, 4), np.uint8)
    square[:] = (level, level // 2, level // 2, 255)
    return square


def _donor() -> tuple[Pixels, Pixels]:
    donor, stencil = _tissue(200), np.zeros((128, 128), np.uint8)
    donor[40:72, 50:90, :3] = (240, 180, 160)
    stencil[40:72, 50:90] = 255
    return donor, stencil


def test_a_lesion_lies_where_it_was_put_as_large_as_asked_and_nothing_else_changes() -> None:
    donor, stencil = _donor()
    square = _tissue(160)
    lies = graft(square, donor, stencil, np.random.default_rng(0), length=30, centre=(60, 70))
    assert lies is not None
    rows, columns = np.nonzero(lies)
    assert (rows.mean(), columns.mean()) == (
        np.clip(rows.mean(), 66, 74),
        np.clip(columns.mean(), 56, 64),
    )
    assert 0.6 * 30 * 24 < (lies > 0).sum() < 1.3 * 30 * 24
    assert (square[lies > 0][:, 1] > 90).mean() > 0.7
    far = np.hypot(*(np.mgrid[:128, :128] - np.array([70, 60])[:, None, None])) > 50
    assert (square[far] == _tissue(160)[far]).all()


def test_it_takes_the_light_of_the_place_it_comes_to() -> None:
    levels = {}
    for level in (120, 220):
        donor, stencil = _donor()
        square = _tissue(level)
        lies = graft(square, donor, stencil, np.random.default_rng(1), length=40, centre=(64, 64))
        assert lies is not None
        levels[level] = square[lies > 0][:, 0].mean()
    assert levels[120] < 0.8 * levels[220]


def test_nothing_is_laid_beside_the_view_or_into_the_dark() -> None:
    donor, stencil = _donor()
    for square in (_tissue(20), _tissue(160)):
        before = square.copy()
        if square[0, 0, 0] > 100:
            square[..., 3] = before[..., 3] = 0
        rng = np.random.default_rng(2)
        assert graft(square, donor, stencil, rng, length=40, centre=(64, 64)) is None
        assert np.array_equal(square, before)


def test_no_stencil_no_graft() -> None:
    nothing = np.zeros((128, 128), np.uint8)
    rng = np.random.default_rng(0)
    assert graft(_tissue(100), _tissue(90), nothing, rng, length=9, centre=(64, 64)) is None
