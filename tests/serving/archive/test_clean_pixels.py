import numpy as np
from PIL import Image, ImageDraw, ImageFont

from endolink import sample_data
from endolink.model.frame import Frame, decode
from endolink.serving.archive.clean_pixels import TextRecall, clean, text_recall
from tests.studies import phantom


def frame_of(name: str) -> Frame:
    (path,) = (path for path in sample_data.frames() if path.stem == name)
    return decode(path.read_bytes())


def test_text_insets_and_surround_are_black() -> None:
    frame = frame_of("polyp-1080p-left-text")
    result = clean(frame)
    assert result.pixels is not None
    assert result.texts > 0
    outside = frame.pixels[:, -frame.width // 4 :], result.pixels[:, -frame.width // 4 :]
    assert outside[0].max() > 200  # what the processor writes beside the view
    assert outside[1].max() == 0
    inside = np.s_[frame.height // 2 - 50 : frame.height // 2 + 50, 600:700]
    assert np.array_equal(result.pixels[inside], frame.pixels[inside])


def test_what_is_outside_of_the_body_is_withheld() -> None:
    assert clean(frame_of("out-of-body")).withheld == "out-of-body"
    flat = np.zeros((200, 300, 3), np.uint8)
    assert clean(Frame(flat, 300, 200, "")).withheld == "view-not-found"


def test_a_line_is_blanked_to_its_ends_and_tissue_stays() -> None:
    plain = phantom("clean-wall", 640)
    image = Image.fromarray(plain)
    draw = ImageDraw.Draw(image)
    # The gap and the lone letters at its ends are what a finder of words misses.
    draw.text((200, 200), "I  PAULA PHANTOM  F", font=ImageFont.load_default(20), fill="white")
    result = clean(Frame(np.asarray(image), image.width, image.height, ""))
    assert result.pixels is not None
    written = np.asarray(image) != plain
    assert result.pixels[written].max() < 40
    gone = (result.pixels == 0).all(axis=2) & (plain > 0).any(axis=2)
    assert gone[240:].mean() < 0.05


def test_most_planted_text_is_found() -> None:
    # Over all stills of the phantom, four strings in each: `python -m benchmarks.clean_pixels`.
    recall = TextRecall()
    for seed, name in enumerate(("clean-wall", "polyp-sessile")):
        pixels = phantom(name, 640)
        recall += text_recall(Frame(pixels, pixels.shape[1], pixels.shape[0], ""), seed)
    assert recall.planted == 8
    assert recall.share is not None
    assert recall.share >= 0.85
