from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink.model.errors import DataError
from endolink.model.preprocess import Preprocess
from endolink.training import outlines
from endolink.training.cache import cut
from endolink.training.datasets import open_data
from endolink.training.datasets.samples import Sample
from tests.training.pictures import draw

FINE = Preprocess(64)


def _folder(root: Path) -> tuple[Sample, ...]:
    """A folder of two frames with a polyp, one outlined, and one without."""
    for label in ("polyp", "none", "outlines/polyp"):
        (root / label).mkdir(parents=True)
    picture = draw("polyp", 0)
    picture.paste((250, 240, 235), (40, 30, 70, 60))
    picture.save(root / "polyp" / "00.jpg", quality=95)
    draw("polyp", 1).save(root / "polyp" / "01.jpg")
    draw("polyp", 2).save(root / "none" / "02.jpg")
    outline = Image.new("1", picture.size)
    outline.paste(1, (40, 30, 70, 60))
    outline.save(root / "outlines" / "polyp" / "00.png")
    return open_data(f"folder:{root}").samples


def test_an_outline_is_cut_as_its_frame_is(tmp_path: Path) -> None:
    samples = _folder(tmp_path / "frames")
    drawn = outlines.walk(samples, "polyp", FINE, tmp_path / "cache", key="one")
    rows = {sample.path.name: row for row, sample in enumerate(samples)}
    square, _ = cut(samples[rows["00.jpg"]], FINE)
    lesion = square[..., 2] > 200
    assert ((drawn[rows["00.jpg"]] > 127) ^ lesion).mean() < 0.02
    assert not drawn[rows["01.jpg"]].any()
    assert not drawn[rows["02.jpg"]].any()


def test_a_walk_is_done_once_and_again_where_an_outline_changed(tmp_path: Path) -> None:
    samples = _folder(tmp_path / "frames")
    done: list[int] = []
    for _ in range(2):
        outlines.walk(samples, "polyp", FINE, tmp_path / "cache", key="one", progress=done.append)
    assert done == [1, 1, 1, 3]
    path = tmp_path / "frames" / "outlines" / "polyp" / "00.png"
    Image.new("1", (120, 96), 1).save(path)
    drawn = outlines.walk(samples, "polyp", FINE, tmp_path / "cache", key="one")
    assert (np.asarray(drawn).max(axis=0) > 127).mean() > 0.4


def test_an_outline_of_another_size_or_of_nothing_is_refused(tmp_path: Path) -> None:
    samples = _folder(tmp_path / "frames")
    path = tmp_path / "frames" / "outlines" / "polyp" / "00.png"
    Image.new("1", (60, 48)).save(path)
    with pytest.raises(DataError, match="60×48, its frame 120×96"):
        outlines.walk(samples, "polyp", FINE, tmp_path / "cache", key="one")
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"00\.png"):
        outlines.walk(samples, "polyp", FINE, tmp_path / "cache", key="one")
    assert not list((tmp_path / "cache").iterdir())
