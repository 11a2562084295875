from pathlib import Path

import pytest

from endolink.model.errors import DataLayout
from endolink.training.datasets.class_folders import class_images, slug
from tests.training.datasets.layout import touch

CLASSES = {"barretts-esophagus": "barretts", "cecum": "cecum"}


@pytest.mark.parametrize(
    "name", ["Barrett's esophagus", "Barrett’s Esophagus", "barretts_esophagus"]
)
def test_every_way_to_write_a_class_is_one(name: str) -> None:
    assert slug(name) == "barretts-esophagus"


@pytest.mark.parametrize("inside", ["", "set/", "set/set/"])
def test_class_folders_are_found_where_archives_put_them(tmp_path: Path, inside: str) -> None:
    touch(tmp_path, f"{inside}Cecum/1.jpg", f"{inside}Cecum/notes.txt", f"{inside}.cache/x.jpg")
    ((file, path, code),) = class_images(tmp_path, CLASSES, "the set")
    assert (file, path, code) == ("Cecum/1.jpg", tmp_path / inside / "Cecum/1.jpg", "cecum")


def test_what_is_not_the_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataLayout, match="found no folder at all"):
        list(class_images(tmp_path / "none", CLASSES, "the set"))
    touch(tmp_path, "holiday/1.jpg")
    with pytest.raises(DataLayout, match="the folders of the set, as 'barretts-esophagus'"):
        list(class_images(tmp_path, CLASSES, "the set"))
    touch(tmp_path, "cecum/1.jpg")
    with pytest.raises(DataLayout, match="'holiday' is no class of the set"):
        list(class_images(tmp_path, CLASSES, "the set"))
