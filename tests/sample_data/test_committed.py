from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endolink.sample_data import clip, frames, truth
from endolink.sample_data.catalogue import STILLS
from endolink.sample_data.phantom import render

FIELDS = {
    "width", "height", "quality", "view_box", "view_polygon", "inset_boxes", "text_boxes",
    "findings", "polyp_box", "polyp_area",
}  # fmt: skip


def _inside(box: list[int], width: int, height: int) -> bool:
    x0, y0, x1, y1 = box
    return 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height


def test_files_catalogue_and_truth_agree() -> None:
    assert {path.stem for path in frames()} == set(STILLS)
    assert {path.name for path in frames()} == set(truth()["stills"])
    assert clip().name == truth()["clip"]["file"]


def test_the_set_is_small() -> None:
    total = sum(path.stat().st_size for path in [*frames(), clip()])
    total += (clip().parent / "truth.json").stat().st_size
    assert total <= 3_000_000


@pytest.mark.parametrize("path", frames(), ids=lambda path: path.stem)
def test_a_stills_truth_is_complete(path: Path) -> None:
    said = truth()["stills"][path.name]
    assert set(said) == FIELDS
    with Image.open(path) as picture:
        assert picture.size == (said["width"], said["height"])
    width, height = said["width"], said["height"]
    boxes = [said["view_box"], *said["inset_boxes"], *said["text_boxes"]]
    assert all(_inside(box, width, height) for box in boxes)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in said["view_polygon"])
    if "polyp" in said["findings"]:
        x0, y0, x1, y1 = said["polyp_box"]
        assert _inside(said["polyp_box"], width, height)
        assert 0 < said["polyp_area"] <= (x1 - x0) * (y1 - y0)


def test_the_set_shows_every_finding_mask_and_fault() -> None:
    stills = truth()["stills"].values()
    assert {code for said in stills for code in said["findings"]} == {
        "polyp", "cecum", "bbps-2-3", "bbps-0-1", "impacted-stool", "bleeding",
    }  # fmt: skip
    assert {scene.mask for scene in STILLS.values()} == {
        "octagon", "circle", "rectangle", "rounded",
    }  # fmt: skip
    assert {said["quality"] for said in stills} == {
        "good", "dark", "blurred", "over-exposed", "out-of-body",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["polyp-inset-green", "capsule-bleeding", "out-of-body"])
def test_a_still_renders_again_to_what_is_committed(name: str) -> None:
    rendered = render(STILLS[name])
    [path] = [path for path in frames() if path.stem == name]
    with Image.open(path) as picture:
        committed = np.asarray(picture.convert("RGB"), np.int16)
    # JPEG takes about one grey level; other versions of the libraries may add another.
    assert np.abs(committed - rendered.frame).mean() < 3
    assert list(rendered.truth.findings) == truth()["stills"][path.name]["findings"]
