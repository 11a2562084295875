import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink.model.classifier import Classifier
from endolink.training.metrics import Judged
from endolink.training.mistakes import Mistake, illustrate, worst
from endolink.training.run import BUNDLE, Material
from tests.training.pictures import sample


def _judged() -> Judged:
    present = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]], bool)
    chances = np.array([[0.1, 0.2], [0.3, 0.1], [0.9, 0.1], [0.95, 0.8], [0.2, 0.05]])
    return Judged(
        ("polyp", "cecum"),
        present,
        np.ones_like(present),
        chances,
        chances >= 0.5,
        ("a", "a", "b", "c", "d"),
    )


SAMPLES = [sample(f"{number}.jpg", "polyp" if number < 3 else "cecum") for number in range(5)]


def test_the_surest_mistakes_come_first_lesions_before_all_one_a_group() -> None:
    mistakes = worst(_judged(), SAMPLES)
    told = [(item.file, item.finding, item.kind) for item in mistakes]
    assert told == [
        ("set/0.jpg", "polyp", "missed"),  # 1.jpg is of the same group, and less wrong
        ("set/4.jpg", "cecum", "missed"),
        ("set/3.jpg", "polyp", "false-alarm"),
    ]
    assert [item.probability for item in mistakes] == [0.1, 0.05, 0.95]
    assert mistakes[2].labels == "cecum"


def test_no_more_than_asked_for_of_each_kind() -> None:
    assert [item.kind for item in worst(_judged(), SAMPLES, 1)] == ["missed", "false-alarm"]


def test_what_is_not_known_is_no_mistake() -> None:
    judged = _judged()
    judged.known[:, 0] = False
    assert [item.finding for item in worst(judged, SAMPLES)] == ["cecum"]


def test_a_thumbnail_shows_the_frame_beside_where_the_network_looked(
    finished: Path, material: Material
) -> None:
    classifier = Classifier.open(finished / "fold-0" / BUNDLE, provider="cpu", threads=1)
    drawn = next(item for item in material.samples if "polyp" in item.present)
    mistake = Mistake(drawn.file, "polyp", "missed", 0.1, "polyp")
    told: list[int] = []
    (shown,) = illustrate(classifier, [mistake], material.samples, told.append)
    image = Image.open(io.BytesIO(base64.b64decode(shown.thumbnail)))
    assert image.size == (452, 224)
    left, right = np.asarray(image)[:, :224], np.asarray(image)[:, 228:]
    assert np.abs(left.astype(float) - right).mean() > 5
    # A drawn polyp is red; its grey copy under the map is not.
    middle = (slice(60, 160), slice(60, 160))
    assert left[middle][..., 0].mean() > left[middle][..., 2].mean() * 1.5
    assert told == [1]
    assert shown.probability == pytest.approx(0.1)
