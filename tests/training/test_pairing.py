from pathlib import Path

import pytest
from PIL import Image

from endolink.training.datasets.hyper_kvasir import CLASSES, IMAGES, SEGMENTED, read
from endolink.training.datasets.samples import images
from endolink.training.pairing import NAMES, pair_outlines, pair_pictures
from tests.training.pictures import draw


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """HyperKvasir's two parts, the second under names of its own: a copy, a re-encoded one, one
    that is not labelled, and one of another size."""
    polyps = tmp_path / IMAGES / CLASSES[0].folder
    segmented = tmp_path / SEGMENTED / "images"
    masks = tmp_path / SEGMENTED / "masks"
    for folder in (polyps, segmented, masks):
        folder.mkdir(parents=True)
    for number in range(4):
        draw("polyp", number).save(polyps / f"{number}.jpg", quality=92)
    (segmented / "cju0.jpg").write_bytes((polyps / "0.jpg").read_bytes())
    draw("polyp", 1).save(segmented / "cju1.jpg", quality=70)
    draw("polyp", 9).save(segmented / "cju9.jpg", quality=92)
    draw("polyp", 2).resize((90, 72)).save(segmented / "cju2.jpg", quality=92)
    for path in segmented.iterdir():
        with Image.open(path) as image:
            Image.new("L", image.size).save(masks / path.name)
    return tmp_path


def test_a_picture_is_recognised_by_its_bytes_or_its_looks(root: Path) -> None:
    assert pair_outlines(root) == 2
    assert (root / SEGMENTED / NAMES).read_text() == (
        "official-name,labeled-image\ncju0.jpg,0.jpg\ncju1.jpg,1.jpg\n"
    )
    outlined = {s.path.name: s.outlines["polyp"].name for s in read(root).samples if s.outlines}
    assert outlined == {"0.jpg": "cju0.jpg", "1.jpg": "cju1.jpg"}
    assert pair_outlines(root) == 0


def test_what_might_be_two_pictures_is_left_out(root: Path) -> None:
    polyps = root / IMAGES / CLASSES[0].folder
    draw("polyp", 1).save(polyps / "twin.jpg", quality=80)
    pairs = pair_pictures(images(root / SEGMENTED / "images"), images(polyps))
    assert [other.name for other in pairs.values()] == ["0.jpg"]


def test_without_the_segmented_part_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / IMAGES / CLASSES[0].folder).mkdir(parents=True)
    assert pair_outlines(tmp_path) == 0
    assert not (tmp_path / SEGMENTED).exists()


@pytest.mark.shared
def test_re_encoded_polyps_are_recognised_and_none_is_mistaken(
    shared: Path, tmp_path: Path
) -> None:
    polyps = images(shared / "data" / "hyper-kvasir" / IMAGES / CLASSES[0].folder)[::20]
    for number, path in enumerate(polyps[::2]):
        with Image.open(path) as image:
            image.save(tmp_path / f"{number:03}.jpg", quality=75)
    pairs = pair_pictures(images(tmp_path), polyps)
    assert all(other == polyps[2 * int(one.stem)] for one, other in pairs.items())
    assert len(pairs) >= 0.95 * len(polyps[::2])
