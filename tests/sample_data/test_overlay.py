import numpy as np
import pytest
from PIL import Image

from endolink.sample_data.overlay import draw_inset, outline, polygon_mask, write
from endolink.sample_data.scene import Inset, Text


@pytest.mark.parametrize(
    ("shape", "share"),
    [("rectangle", 1.0), ("octagon", 1 - 2 * 0.21**2), ("circle", np.pi / 4), ("rounded", 0.983)],
)
def test_each_mask_fills_its_share_of_the_box(shape: str, share: float) -> None:
    polygon = outline(shape, (20, 10, 220, 210))  # type: ignore[arg-type]
    mask = polygon_mask(polygon, 260, 240)
    assert mask.sum() / 200**2 == pytest.approx(share, abs=0.005)
    rows, columns = np.nonzero(mask)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (20, 10, 220, 210)


def test_an_inset_covers_its_box_and_nothing_else() -> None:
    picture = Image.new("RGB", (200, 160), (9, 9, 9))
    x0, y0, x1, y1 = draw_inset(picture, Inset("top-right", (20, 120, 40), (60, 50), 4))
    pixels = np.asarray(picture)
    assert tuple(pixels[y0, x0]) == (20, 120, 40)
    assert (pixels[y0:y1, x0:x1] == (20, 120, 40)).all(axis=2).mean() > 0.7
    outside = np.ones((160, 200), np.bool_)
    outside[y0:y1, x0:x1] = False
    assert (pixels[outside] == 9).all()


def test_text_stays_in_the_boxes_it_reports() -> None:
    picture = Image.new("RGB", (200, 100))
    boxes = write(picture, Text(("PHANTOM, ADA", "01/02/2030"), at=(10, 12), size=16))
    pixels = np.asarray(picture)
    assert len(boxes) == 2
    for x0, y0, x1, y1 in boxes:
        assert pixels[y0:y1, x0:x1].max() > 150
    rest = pixels.copy()
    for x0, y0, x1, y1 in boxes:
        rest[y0:y1, x0:x1] = 0
    assert rest.max() == 0
