import numpy as np

from endolink.training.augment.geometry import move


def test_a_nearer_scope_shows_a_lesion_larger() -> None:
    square = np.full((128, 128, 4), 255, np.uint8)
    outline = np.zeros((128, 128), np.uint8)
    outline[48:80, 48:80] = 255
    seen = {}
    for zoom in (0.6, 1.2):
        shares = []
        for seed in range(30):
            _, where = move(square, outline, 64, (zoom, zoom), np.random.default_rng(seed))
            shares.append((np.asarray(where) > 127).mean())
        seen[zoom] = np.max(shares)
    # The lesion has a sixteenth of the square; a share of it in both directions is seen.
    assert 0.6 < seen[0.6] * 0.6**2 * 16 < 1.2
    assert 0.6 < seen[1.2] * 1.2**2 * 16 < 1.2


def test_what_lies_beside_the_square_is_not_shown() -> None:
    square = np.full((64, 64, 4), 255, np.uint8)
    shown = [
        np.asarray(move(square, square[..., 0], 64, (1.5, 1.5), np.random.default_rng(seed))[0])
        for seed in range(5)
    ]
    assert all(0.2 < (image[..., 3] > 127).mean() < 0.7 for image in shown)


def test_a_much_finer_square_is_averaged_and_not_picked_from() -> None:
    rng = np.random.default_rng(0)
    square = rng.integers(0, 2, (256, 256, 1), dtype=np.uint8) * np.full(4, 255, np.uint8)
    moved, _ = move(square, square[..., 0], 64, (1.0, 1.0), np.random.default_rng(3))
    assert np.asarray(moved)[16:48, 16:48, 0].std() < 90
