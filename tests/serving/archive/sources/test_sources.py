from pathlib import Path

from endolink.serving.archive.picture import Locator, Picture, Reading
from endolink.serving.archive.sources import fetch, find
from tests.serving.service import picture


def test_a_folder_is_a_study_of_its_pictures(tmp_path: Path) -> None:
    for name in ("a/frame10.jpg", "a/frame2.jpg", "b/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(name[-3:].replace("jpg", "jpeg").upper(), (64, 64)))
    pictures = [p for stored in find([str(tmp_path)]) for p in stored.pictures(Reading())]
    assert [(Path(p.locator.place).name, Path(p.study).name) for p in pictures] == [
        ("frame2.jpg", "a"),
        ("frame10.jpg", "a"),
        ("x.png", "b"),
    ]
    first = pictures[0]
    assert isinstance(first, Picture)
    assert first.declared == ".jpg"
    assert first.load() == (tmp_path / "a/frame2.jpg").read_bytes()


def test_pictures_are_read_again_by_their_locators(tmp_path: Path) -> None:
    here, gone = Locator(str(tmp_path / "here.jpg")), Locator(str(tmp_path / "gone.jpg"))
    Path(here.place).write_bytes(b"some bytes")
    assert list(fetch({gone: None, here: 1.0}, Reading())) == [(here, b"some bytes")]
