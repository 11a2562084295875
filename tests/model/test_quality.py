from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from endolink import sample_data
from endolink.model.frame import Frame
from endolink.model.quality import Quality, assess
from endolink.model.view import View, find_view
from tests.conftest import SHARED

SETS = ("hyper-kvasir/labeled-images", "wce-bleed-gen", "edd2020")


def assessed(image: Image.Image) -> Quality:
    frame = Frame(np.asarray(image), image.width, image.height, "0" * 64)
    return assess(frame, find_view(frame))


def still(name: str) -> Image.Image:
    (path,) = (path for path in sample_data.frames() if path.name == name)
    return Image.open(path).convert("RGB")


@pytest.mark.parametrize("path", sample_data.frames(), ids=lambda path: path.stem)
def test_the_phantom_is_judged_as_it_was_rendered(path: Path) -> None:
    quality = sample_data.truth()["stills"][path.name]["quality"]
    found = assessed(Image.open(path).convert("RGB"))
    assert found.reasons == (() if quality == "good" else (quality,))
    assert found.usable == (quality == "good")


def test_each_reason_comes_from_its_own_fault() -> None:
    image = still("polyp-sessile.jpg")
    assert assessed(image).usable
    assert assessed(image.point(lambda level: level * 0.12)).reasons == ("dark",)
    assert "over-exposed" in assessed(image.point(lambda level: min(255, level * 3))).reasons
    assert assessed(image.filter(ImageFilter.GaussianBlur(8))).reasons == ("blurred",)
    grey = image.convert("L").convert("RGB")
    assert assessed(grey).reasons == ("out-of-body",)


@pytest.mark.parametrize("step", [(0, 1), (1, 0), (1, 1), (1, -1)])
def test_motion_in_any_direction_is_blur(step: tuple[int, int]) -> None:
    pixels = np.asarray(still("cecum.jpg")).astype(float)
    shifts = [np.roll(pixels, (k * step[0], k * step[1]), (0, 1)) for k in range(-20, 21)]
    smeared = Image.fromarray(np.mean(shifts, axis=0).astype(np.uint8))
    assert "blurred" in assessed(smeared).reasons


@pytest.mark.parametrize("name", ["cecum.jpg", "foam.jpg", "stool-poor.jpg", "blurred.jpg"])
def test_the_same_scene_measures_the_same_at_any_resolution(name: str) -> None:
    image = still(name)
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    large = image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC)
    whole = assessed(image)
    for other in (assessed(small), assessed(large)):
        assert other.sharpness == pytest.approx(whole.sharpness, rel=0.05)
        assert other.smear == pytest.approx(whole.smear, rel=0.05)
        assert other.luminance == pytest.approx(whole.luminance, abs=0.03)
        assert other.clipped == pytest.approx(whole.clipped, abs=0.02)
        assert other.tissue == pytest.approx(whole.tissue, abs=0.03)


def test_what_is_not_the_patient_is_not_measured() -> None:
    pixels = np.asarray(still("cecum.jpg")).copy()
    frame = Frame(pixels, pixels.shape[1], pixels.shape[0], "0" * 64)
    view = find_view(frame)
    before = assess(frame, view)
    pixels[~view.mask] = (0, 0, 255)
    after = assess(frame, view)
    assert after.tissue == pytest.approx(before.tissue, abs=0.02)
    assert after.luminance == pytest.approx(before.luminance, abs=0.02)
    assert after.sharpness == pytest.approx(before.sharpness, abs=0.01)


def test_a_view_that_shows_nothing_is_judged_without_an_error() -> None:
    pixels = np.full((20, 30, 3), 200, np.uint8)
    nothing = View((0, 0, 30, 20), np.zeros((20, 30), bool), found=False)
    assert not assess(Frame(pixels, 30, 20, "0" * 64), nothing).usable


def test_a_plain_field_has_no_detail() -> None:
    pixels = np.full((120, 160, 3), 128, np.uint8)
    frame = Frame(pixels, 160, 120, "0" * 64)
    found = assess(frame, find_view(frame))
    assert found.reasons == ("blurred", "out-of-body")
    assert found.sharpness == 0.25


@pytest.mark.shared
@pytest.mark.parametrize("folder", SETS)
def test_genuine_frames_are_seldom_paused(folder: str) -> None:
    paths = sorted((SHARED / "data" / folder).rglob("*.jpg"))
    reasons: list[str] = []
    chosen = paths[:: max(1, len(paths) // 120)]
    for path in chosen:
        image = Image.open(path)
        image.draft("RGB", (320, 320))
        reasons.extend(assessed(image.convert("RGB")).reasons)
    for reason in ("dark", "blurred", "over-exposed", "out-of-body"):
        # One in a hundred over the whole set; a sample of this size may hold two more.
        assert reasons.count(reason) <= 0.01 * len(chosen) + 2
