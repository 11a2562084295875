import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from endolink import sample_data
from endolink.model.frame import Frame
from endolink.model.view import Box, View, find_view
from tests.conftest import SHARED

WIDTH, HEIGHT = 640, 512
OUTLINES = {
    "octagon": [
        (110, 0),
        (530, 0),
        (639, 110),
        (639, 401),
        (530, 511),
        (110, 511),
        (0, 401),
        (0, 110),
    ],
    "rectangle": [(60, 20), (600, 20), (600, 490), (60, 490)],
    "cut corners": [(40, 10), (560, 10), (600, 50), (600, 500), (80, 500), (40, 460)],
}


def tissue(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """Draw a wall of pink with soft relief, bright towards the lower right."""
    rng = np.random.default_rng(seed)
    width, height = size
    relief = sum(
        ndimage.zoom(rng.normal(0, 1, (n, n)), (height / n, width / n), order=1) * 3 / n
        for n in (8, 32, 64)
    )
    y, x = np.mgrid[:height, :width] / max(size)
    shade = np.clip(0.55 + 0.25 * (x + y) + 0.12 * relief, 0.2, 1.0)
    return Image.fromarray((shade[..., None] * np.array([225, 130, 110])).astype(np.uint8))


def masked(picture: Image.Image, outline: str) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Show `picture` through a scope's mask; gives the frame, and bool H×W of what is shown."""
    stencil = Image.new("1", picture.size)
    draw = ImageDraw.Draw(stencil)
    if outline == "circle":
        draw.ellipse((64, 0, 575, 511), fill=1)
    elif outline == "full frame":
        stencil.paste(1, (0, 0, *picture.size))
    else:
        draw.polygon(OUTLINES[outline], fill=1)
    black = Image.new("RGB", picture.size, (3, 3, 4))
    return Image.composite(picture, black, stencil), np.array(stencil)


def framed(image: Image.Image) -> Frame:
    return Frame(np.asarray(image), image.width, image.height, "0" * 64)


def view_of(image: Image.Image) -> View:
    return find_view(framed(image))


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def box_iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    both = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return both / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - both)


@pytest.mark.parametrize("outline", [*OUTLINES, "circle", "full frame"])
def test_the_outline_is_found_whatever_the_scopes_mask(outline: str) -> None:
    image, shown = masked(tissue(), outline)
    view = view_of(image)
    assert view.found
    assert iou(view.mask, shown) > 0.96
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    assert box_iou(view.box, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)) > 0.97


@pytest.mark.parametrize("centre", [(320, 256), (60, 250), (400, 500)])
def test_a_dark_lumen_is_kept_even_where_it_reaches_the_edge(centre: tuple[int, int]) -> None:
    image = tissue()
    x, y = centre
    ImageDraw.Draw(image).ellipse((x - 90, y - 80, x + 90, y + 80), fill=(6, 4, 4))
    image, shown = masked(image, "octagon")
    assert iou(view_of(image).mask, shown) > 0.95


@pytest.mark.parametrize("left", [0, 560, 1120])
def test_the_view_is_found_beside_patient_data_and_a_second_picture(left: int) -> None:
    screen = Image.new("RGB", (1920, 1080))
    scope, _ = masked(tissue(), "octagon")
    scope = scope.resize((800, 640))
    screen.paste(scope, (left, 200))
    beside = 900 if left == 0 else 20
    screen.paste(scope.resize((300, 240)), (beside, 800))
    draw = ImageDraw.Draw(screen)
    lines = ["Name: J. DOE", "D.O.B. 12/03/1961", "ID: 00482913"]
    for line, text in enumerate(lines):
        draw.text((beside, 40 + 60 * line), text, "white", ImageFont.load_default(36))
    written = np.asarray(screen).min(axis=2) > 200
    view = view_of(screen)
    assert box_iou(view.box, (left, 200, left + 800, 840)) > 0.93
    assert not view.mask[written].any()
    assert not view.mask[800:, beside : beside + 300].any()


@pytest.mark.parametrize("ground", [(212, 208, 200), (255, 255, 255), (0, 0, 120), (36, 40, 48)])
@pytest.mark.parametrize("on_black", [False, True])
@pytest.mark.parametrize("outline", ["octagon", "rectangle", "circle"])
def test_the_view_is_found_in_a_window_of_software(
    ground: tuple[int, int, int], on_black: bool, outline: str
) -> None:
    screen = Image.new("RGB", (1920, 1080), ground)
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 1920, 40), fill=(60, 90, 140))
    draw.rectangle((0, 40, 300, 1080), fill=tuple(level * 4 // 5 for level in ground))
    for line in range(12):
        ink = "black" if min(ground) > 128 else "white"
        at = (20, 60 + 40 * line)
        draw.text(at, "Name: J. DOE 12/03/1961", ink, ImageFont.load_default(22))
    image, shown = masked(tissue(), outline)
    scope, stencil = image.resize((1120, 896)), Image.fromarray(shown).resize((1120, 896))
    for still in range(3):
        screen.paste(scope.resize((250, 200)), (1620, 100 + 230 * still))
    if on_black:
        draw.rectangle((370, 60, 1590, 1020), fill=0)
    screen.paste(scope, (420, 90), stencil)
    truth = np.zeros((1080, 1920), bool)
    truth[90:986, 420:1540] = np.asarray(stencil)
    view = view_of(screen)
    assert iou(view.mask, truth) > 0.94
    assert view.mask[~truth].mean() < 0.02
    # Who the patient is stands outside, in whatever ink.
    assert not view.mask[:, :300].any()


def test_a_panel_that_is_larger_than_the_view_is_not_the_view() -> None:
    fade = np.linspace(30, 70, 1080)[:, None, None] * np.array([0.9, 1.0, 1.1])
    screen = Image.fromarray(np.broadcast_to(fade, (1080, 1920, 3)).astype(np.uint8))
    screen.paste((0, 0, 0), (0, 0, 900, 1080))
    scope, _ = masked(tissue(), "octagon")
    screen.paste(scope.resize((800, 640)), (50, 220))
    assert box_iou(view_of(screen).box, (50, 220, 850, 860)) > 0.93


@pytest.mark.parametrize("outline", ["octagon", "circle", "cut corners"])
@pytest.mark.parametrize("corner", [0.25, 0.4])
def test_black_beside_the_view_takes_nothing_of_it_along(outline: str, corner: float) -> None:
    screen = Image.new("RGB", (1280, 1024), (0, 0, 120))
    screen.paste((0, 0, 0), (300, 100, 1040, 700))
    image, shown = masked(tissue(3), outline)
    ImageDraw.Draw(image).rectangle((0, HEIGHT * (1 - corner), WIDTH * corner, HEIGHT), fill=0)
    screen.paste(image, (350, 140))
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    truth = (350 + columns[0], 140 + rows[0], 351 + columns[-1], 141 + rows[-1])
    assert box_iou(view_of(screen).box, truth) > 0.93


@pytest.mark.parametrize("colour", [(225, 130, 110), (30, 12, 8), (120, 60, 50)])
def test_smooth_tissue_up_to_the_border_is_no_ground(colour: tuple[int, int, int]) -> None:
    image = Image.new("RGB", (WIDTH, HEIGHT), colour)
    draw = ImageDraw.Draw(image)
    draw.ellipse((220, 150, 420, 350), fill=tuple(level // 2 for level in colour))
    assert view_of(image).box == (0, 0, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "colour",
    [(0, 0, 0), (250, 250, 250), (128, 128, 128), (20, 110, 60), (20, 100, 110), (20, 40, 160)],
)
@pytest.mark.parametrize("at", [(0, 352), (470, 0), (455, 340), (20, 10)])
def test_an_inset_of_any_colour_is_blanked(
    colour: tuple[int, int, int], at: tuple[int, int]
) -> None:
    image, _ = masked(tissue(), "octagon")
    box = (*at, at[0] + 170, at[1] + 160)
    draw = ImageDraw.Draw(image)
    draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=colour)
    path = [(at[0] + x, at[1] + y) for x, y in ((40, 130), (60, 60), (110, 40), (120, 100))]
    draw.line(path, (190, 190, 200), 5)
    view = view_of(image)
    assert view.mask[box[1] : box[3], box[0] : box[2]].mean() < 0.02
    assert any(box_iou(box, inset) > 0.85 for inset in view.insets)
    assert box_iou(view.box, (0, 0, WIDTH, HEIGHT)) > 0.97


def test_a_picture_without_insets_has_none() -> None:
    for seed in range(5):
        view = view_of(masked(tissue(seed), "octagon")[0])
        assert view.insets == ()
        assert view.texts == ()


@pytest.mark.parametrize("colour", ["white", "yellow", "lime"])
@pytest.mark.parametrize("size", [10, 16, 20])
def test_text_over_the_view_is_blanked(colour: str, size: int) -> None:
    image, shown = masked(tissue(), "octagon")
    ink = Image.new("1", image.size)
    for line, text in enumerate(("17/07/2015 13:42:07", "Name: J. DOE", "Scope CF-H190L")):
        at = (150, 120 + 2 * line * size)
        ImageDraw.Draw(ink).text(at, text, 1, ImageFont.load_default(size))
    image.paste(Image.new("RGB", image.size, colour), (0, 0), ink)
    view = view_of(image)
    assert view.mask[np.array(ink)].mean() < 0.05
    assert view.texts
    # Little else goes with it.
    assert view.mask[shown].mean() > 0.92


def test_wet_highlights_are_not_text() -> None:
    rng = np.random.default_rng(1)
    image = tissue()
    draw = ImageDraw.Draw(image)
    for x, y in rng.uniform((60, 60), (580, 450), (120, 2)):
        wide, tall = rng.uniform(1, 8, 2)
        draw.ellipse((x, y, x + wide, y + tall), fill=(255, 252, 250))
    image, shown = masked(image, "octagon")
    assert view_of(image).mask[shown].mean() > 0.975


@pytest.mark.parametrize("cast", [(0.5, 1.0, 0.95), (0.6, 0.7, 1.2), (0.7, 0.9, 0.5)])
def test_narrow_band_and_other_casts_are_views(cast: tuple[float, float, float]) -> None:
    picture = np.asarray(tissue()) * np.array(cast) * (0.6, 1.0, 1.1)
    image, shown = masked(Image.fromarray(picture.clip(0, 255).astype(np.uint8)), "octagon")
    view = view_of(image)
    assert view.insets == ()
    assert iou(view.mask, shown) > 0.96


@pytest.mark.parametrize("outline", ["octagon", "circle", "cut corners"])
def test_the_same_scene_gives_the_same_box_at_any_scale(outline: str) -> None:
    image, _ = masked(tissue(), outline)
    whole = view_of(image).box
    for by in (2, 4):
        small = image.resize((WIDTH // by, HEIGHT // by), Image.Resampling.BOX)
        assert box_iou(whole, tuple(side * by for side in view_of(small).box)) > 0.97
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    assert box_iou(whole, view_of(Image.open(buffer).convert("RGB")).box) > 0.97


def test_darkness_is_no_view_and_keeps_no_name() -> None:
    image = Image.new("RGB", (WIDTH, HEIGHT))
    assert not view_of(image).found
    assert view_of(image).box == (0, 0, WIDTH, HEIGHT)
    assert view_of(image).mask.all()
    ImageDraw.Draw(image).text((40, 40), "Name: J. DOE", "white", ImageFont.load_default(20))
    view = view_of(image)
    assert not view.found
    assert not view.mask[np.asarray(image).min(axis=2) > 128].any()


@given(
    st.tuples(st.integers(16, 200), st.integers(16, 200)).flatmap(
        lambda size: st.one_of(
            arrays.arrays(
                np.uint8, (*size, 3), elements=st.integers(0, 255), fill=st.integers(0, 255)
            ),
            st.integers(0, 2**32 - 1).map(
                lambda seed: np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
            ),
        )
    )
)
def test_any_picture_has_a_box_within_it(pixels: NDArray[np.uint8]) -> None:
    height, width = pixels.shape[:2]
    view = find_view(Frame(pixels, width, height, "0" * 64))
    x0, y0, x1, y1 = view.box
    assert 0 <= x0 <= x1 - 16 <= width - 16
    assert 0 <= y0 <= y1 - 16 <= height - 16
    assert view.mask.shape == (height, width)
    assert view.mask.dtype == bool
    outside = view.mask.copy()
    outside[y0:y1, x0:x1] = False
    # The outline is drawn to the nearest pixel, the box rounded to it.
    assert outside.sum() <= 2 * (width + height)


@pytest.mark.parametrize("size", [(16, 3000), (3000, 16), (3840, 2160)])
def test_long_and_large_pictures_are_taken(size: tuple[int, int]) -> None:
    image = tissue(size=size)
    assert view_of(image).mask.shape == (size[1], size[0])


def stills() -> list[Path]:
    return [path for path in sample_data.frames() if path.suffix == ".jpg"]


@pytest.mark.parametrize("path", stills(), ids=lambda path: path.stem)
def test_the_phantoms_truth_is_found(path: Path) -> None:
    truth = sample_data.truth()["stills"][path.name]
    if truth["quality"] == "out-of-body":
        pytest.skip("what lies outside the body has no view to be right about")
    image = Image.open(path).convert("RGB")
    view = view_of(image)
    stencil = Image.new("1", image.size)
    ImageDraw.Draw(stencil).polygon([tuple(corner) for corner in truth["view_polygon"]], fill=1)
    shown = np.array(stencil)
    boxes: list[Box] = [*truth["inset_boxes"], *truth["text_boxes"]]
    for x0, y0, x1, y1 in boxes:
        assert view.mask[y0:y1, x0:x1].mean() < 0.05
        shown[y0:y1, x0:x1] = False
    assert iou(view.mask, shown) > 0.96


@pytest.mark.shared
def test_real_boxes_are_stable_and_the_black_inset_goes() -> None:
    folder = SHARED / "data/hyper-kvasir/labeled-images/lower-gi-tract/anatomical-landmarks/cecum"
    overlaps, left = [], []
    for path in sorted(folder.glob("*.jpg"))[::8]:
        image = Image.open(path).convert("RGB")
        view = view_of(image)
        half = view_of(image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX))
        overlaps.append(box_iou(view.box, tuple(2 * side for side in half.box)))
        # The middle of where these frames have their inset.
        height, width = view.mask.shape
        left.append(view.mask[int(0.8 * height) : int(0.9 * height), : int(0.2 * width)].mean())
    assert np.median(overlaps) > 0.98
    assert np.percentile(overlaps, 1) > 0.93
    assert np.mean(np.array(left) < 0.02) > 0.9
