from pathlib import Path

import numpy as np
import pytest

from endolink.model.errors import DataError
from endolink.model.preprocess import Preprocess, read, square
from endolink.training.cache import cut, walk
from endolink.training.datasets import open_data
from tests.training.pictures import sample

SIZE = Preprocess(size=64)


def test_a_cached_square_is_bit_for_bit_what_the_service_cuts(frames: Path, tmp_path: Path) -> None:
    samples = open_data(f"folder:{frames}").samples[:6]
    cached = walk(samples, SIZE, tmp_path)
    assert cached.squares.shape == (6, 64, 64, 4)
    for row, item in enumerate(samples):
        frame, view = read(item.path.read_bytes(), SIZE)
        assert np.array_equal(cached.squares[row, :, :, :3], square(frame, view, SIZE))


def test_the_fourth_channel_says_where_the_patient_is_shown(frames: Path) -> None:
    picture, _ = cut(open_data(f"folder:{frames}").samples[0], SIZE)
    hidden = picture[:, :, 3] == 0
    assert 0.02 < hidden.mean() < 0.5
    assert (picture[hidden][:, :3] == SIZE.fill).all()


def test_it_is_built_once_and_again_when_a_frame_changes(frames: Path, tmp_path: Path) -> None:
    told: list[int] = []
    samples = open_data(f"folder:{frames}").samples[:3]
    walk(samples, SIZE, tmp_path, told.append)
    assert told == [1, 1, 1]
    walk(samples, SIZE, tmp_path, told.append)
    assert told == [1, 1, 1, 3]
    walk(samples[::-1], SIZE, tmp_path, told.append)
    assert told == [1, 1, 1, 3, 1, 1, 1]


def test_a_file_that_cannot_be_read_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    bad = sample(str(tmp_path / "bad.jpg"))
    with pytest.raises(DataError, match=r"bad\.jpg: "):
        walk([bad], SIZE, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: cannot be read: No such file"):
        walk([sample(str(tmp_path / "gone.jpg"))], SIZE, tmp_path / "cache")
