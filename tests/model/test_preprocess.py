import io

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from endolink.model.frame import Frame
from endolink.model.preprocess import Preprocess, normalise, place, read, square
from endolink.model.view import View


def _frame(pixels: np.ndarray) -> Frame:
    return Frame(pixels, pixels.shape[1], pixels.shape[0], "0" * 64)


def _view(frame: Frame, box: tuple[int, int, int, int]) -> View:
    mask = np.zeros(frame.pixels.shape[:2], bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return View(box, mask)


@pytest.fixture
def noise() -> Frame:
    return _frame(np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8))


def test_what_is_not_the_patient_is_zero_in_the_tensor(noise: Frame) -> None:
    view = _view(noise, (40, 10, 140, 110))
    view.mask[60:80, 60:90] = False
    preprocess = Preprocess(size=100)
    tensor = normalise(square(noise, view, preprocess), preprocess)
    assert tensor.shape == (3, 100, 100)
    assert tensor.dtype == np.float32
    # The fill is the mean rounded to a byte: zero to within half a grey level.
    assert np.abs(tensor[:, 51:69, 21:49]).max() < 0.5 / 255 / 0.22
    assert np.abs(tensor[:, :45]).max() > 1


def test_what_is_blanked_leaves_no_trace(noise: Frame) -> None:
    view = _view(noise, (0, 0, 200, 120))
    view.mask[20:60, 20:60] = False
    other = noise.pixels.copy()
    other[20:60, 20:60] = (0, 255, 0)
    preprocess = Preprocess()
    assert (square(noise, view, preprocess) == square(_frame(other), view, preprocess)).all()


def test_the_aspect_is_kept_and_the_view_centred(noise: Frame) -> None:
    preprocess = Preprocess(size=100)
    canvas = square(noise, _view(noise, (0, 0, 200, 120)), preprocess)
    assert (canvas[:20] == preprocess.fill).all()
    assert (canvas[80:] == preprocess.fill).all()
    assert not (canvas[20:80] == preprocess.fill).all(axis=-1).any(axis=1).all()


def test_a_point_of_the_square_is_found_again_in_the_frame() -> None:
    pixels = np.zeros((120, 200, 3), np.uint8)
    pixels[70, 150] = 255
    frame = _frame(pixels)
    view = _view(frame, (40, 10, 180, 110))
    canvas = square(frame, view, Preprocess(size=280, resample="bilinear"))
    y, x = np.unravel_index(canvas[..., 0].argmax(), canvas.shape[:2])
    found = place(view, 280).to_frame(x + 0.5, y + 0.5)
    assert found == pytest.approx((150.5, 70.5), abs=0.5)


def test_normalising_is_the_stated_formula(noise: Frame) -> None:
    preprocess = Preprocess()
    expected = (noise.pixels / 255.0 - np.array(preprocess.mean)) / np.array(preprocess.std)
    assert normalise(noise.pixels, preprocess) == pytest.approx(
        expected.transpose(2, 0, 1), abs=1e-5
    )


@pytest.mark.parametrize(
    "wrong", [{"size": 8}, {"std": [0, 1, 1]}, {"mean": [2, 0, 0]}, {"resample": "x"}, {"crop": 1}]
)
def test_a_wrong_preprocess_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Preprocess).validate_python(wrong)


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _lit(width: int, height: int, box: tuple[int, int, int, int]) -> np.ndarray:
    rng = np.random.default_rng(1)
    pixels = np.zeros((height, width, 3), np.uint8)
    x0, y0, x1, y1 = box
    rough = rng.integers(90, 190, ((y1 - y0) // 8, (x1 - x0) // 8, 3), np.uint8)
    tissue = Image.fromarray(rough).resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC)
    pixels[y0:y1, x0:x1] = np.asarray(tissue) * np.array([1.0, 0.6, 0.5])
    return pixels


def test_a_jpeg_is_decoded_no_finer_than_needed() -> None:
    data = _jpeg(_lit(1280, 1024, (140, 12, 1140, 1012)))
    frame, view = read(data, Preprocess(size=224))
    assert frame.scale == 2
    assert (frame.width, frame.height) == (1280, 1024)
    assert max(view.box[2] - view.box[0], view.box[3] - view.box[1]) >= 224


def test_a_small_view_in_a_large_frame_is_decoded_again_finer() -> None:
    data = _jpeg(_lit(1920, 1080, (80, 300, 480, 700)))
    frame, view = read(data, Preprocess(size=224))
    assert frame.scale <= 2
    assert max(view.box[2] - view.box[0], view.box[3] - view.box[1]) >= 190


def test_on_request_it_is_decoded_in_full() -> None:
    frame, _ = read(_jpeg(_lit(640, 512, (40, 8, 600, 504))), Preprocess(), reduced=False)
    assert frame.scale == 1
