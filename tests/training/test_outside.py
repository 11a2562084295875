import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink.model.classifier import Classifier
from endolink.model.errors import DataError
from endolink.model.frame import decode
from endolink.training.outside import RENDERED, Outside, flag, open_outside, photographs, share


@pytest.mark.parametrize("name", ["noise", "documents"])
def test_rendered_frames_are_many_different_and_the_same_each_time(name: str) -> None:
    outside = open_outside(name)
    assert outside.count == RENDERED
    first, again = ([data for data, _ in zip(outside.images(), range(8), strict=False)],) * 2
    assert first == again
    assert len(set(first)) == 8
    assert min(decode(first[0]).pixels.shape[:2]) >= 512


def test_a_page_is_mostly_paper_with_ink_on_it() -> None:
    page = decode(next(open_outside("documents").images())).pixels.mean(2)
    assert np.mean(page > 200) > 0.7
    assert np.mean(page < 110) > 0.01


def test_photographs_are_those_that_are_installed() -> None:
    names = {path.name for path in photographs()}
    assert {"china.jpg", "flower.jpg", "grace_hopper.jpg"} <= names
    assert open_outside("photographs").count == len(names)


def test_a_folder_is_walked_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.new("RGB", (80, 60), (number * 80, 255, 0)).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    (tmp_path / "note.txt").write_text("no image")
    outside = open_outside(str(tmp_path))
    assert (outside.kind, outside.count) == (tmp_path.name, 4)
    told: list[int] = []
    flagged = flag(Classifier.open(provider="cpu", threads=1), outside, told.append)
    assert (flagged.frames, flagged.skipped, sum(told)) == (3, 1, 4)
    assert flagged.share.value == 1.0


def test_what_is_neither_a_word_nor_a_folder_is_refused(tmp_path: Path) -> None:
    for name in ("rain", str(tmp_path)):
        with pytest.raises(DataError, match="give noise, documents, photographs or a folder"):
            open_outside(name)


def test_what_is_flagged_is_what_the_service_calls_unfamiliar() -> None:
    classifier = Classifier.open(provider="cpu", threads=1)
    images = [path.read_bytes() for path in photographs()[:2]]
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    images.append(buffer.getvalue())
    said = [not verdict.familiar for verdict in classifier.score(images)]
    flagged = flag(classifier, Outside("some", 3, lambda: iter(images)))
    assert flagged.share.value == pytest.approx(np.mean(said))


def test_a_share_has_an_exact_interval() -> None:
    figure = share(np.ones(100, bool), "flagged")
    assert (figure.value, figure.high) == (1.0, 1.0)
    assert figure.low == pytest.approx(0.9638, abs=1e-3)
    assert share(np.zeros(0, bool), "flagged").value == 0.0
