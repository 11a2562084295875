import numpy as np
from PIL import Image, ImageDraw

from endolink.training.augment import overlay


def _view() -> tuple[Image.Image, Image.Image]:
    return Image.new("RGB", (96, 96), (180, 90, 80)), Image.new("L", (96, 96), 255)


def test_an_inset_lies_in_a_corner_and_hides_the_lesion_there() -> None:
    for seed in range(30):
        picture, shown = _view()
        seen = np.asarray(
            overlay.inset(
                picture, shown, Image.new("L", (96, 96), 255), np.random.default_rng(seed)
            )
        )
        rows, columns = np.nonzero(seen == 0)
        assert len(rows)
        assert min(rows.min(), 95 - rows.max()) < 16
        assert min(columns.min(), 95 - columns.max()) < 16


def test_text_is_either_blanked_or_burned_in() -> None:
    blanked = burned = 0
    for seed in range(30):
        picture, shown = _view()
        overlay.text(picture, ImageDraw.Draw(shown), np.random.default_rng(seed))
        blanked += bool((np.asarray(shown) == 0).any())
        burned += bool((np.asarray(picture) != (180, 90, 80)).any())
    assert blanked >= 8
    assert burned >= 8


def test_scopes_are_of_many_shapes_and_show_most_of_the_view() -> None:
    shares = []
    for seed in range(40):
        _, shown = _view()
        cut = np.asarray(overlay.scope(shown, np.random.default_rng(seed)))
        shares.append((cut > 0).mean())
        assert cut[40:56, 40:56].all()
    assert min(shares) < 0.75
    assert max(shares) > 0.85
