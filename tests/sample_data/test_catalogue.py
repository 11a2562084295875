import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

from endolink.sample_data import catalogue
from endolink.sample_data.catalogue import STILLS
from endolink.sample_data.overlay import write
from endolink.sample_data.scene import MaskShape, PolypShape, Quality, Scene, Site, Soiling, Tint


def test_every_name_is_a_file_name_and_every_scene_another() -> None:
    tree = ast.parse(Path(catalogue.__file__).read_text())
    # A dict keeps the last of two equal keys and says nothing.
    named = [
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    ]
    assert named == list(STILLS)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in STILLS)
    assert len(set(STILLS.values())) == len(STILLS)


@pytest.mark.parametrize(
    ("shown", "kinds"),
    [
        (lambda scene: scene.site, Site),
        (lambda scene: scene.mask, MaskShape),
        (lambda scene: scene.tint, Tint),
        (lambda scene: scene.soiling, Soiling),
        (lambda scene: scene.quality, Quality),
        (lambda scene: scene.polyp and scene.polyp.shape, PolypShape | None),
    ],
    ids=["site", "mask", "tint", "soiling", "quality", "polyp"],
)
def test_every_kind_is_shown(shown: Callable[[Scene], object], kinds: object) -> None:
    wanted = {value for kind in get_args(kinds) for value in get_args(kind) or (kind,)}
    assert {shown(scene) for scene in STILLS.values()} == {
        None if value is type(None) else value for value in wanted
    }


@pytest.mark.parametrize(("name", "scene"), STILLS.items(), ids=STILLS)
def test_a_name_tells_what_the_scene_holds(name: str, scene: Scene) -> None:
    assert ("polyp" in name) == (scene.polyp is not None)
    assert ("inset" in name) == bool(scene.insets)
    assert ("text" in name) == bool(scene.texts)
    assert ("bleeding" in name) == (scene.blood > 0)
    assert ("cecum" in name) == (scene.site == "cecum")
    assert ("capsule" in name) == (scene.site == "capsule")
    assert ("1080p" in name) == ((scene.width, scene.height) == (1920, 1080))
    assert (name == scene.quality) == (scene.quality != "good")
    if "clean" in name:
        assert scene.soiling == "clean"


def test_burned_in_text_fits_the_frame_and_is_of_nobody() -> None:
    texts = [(scene, text) for scene in STILLS.values() for text in scene.texts]
    assert texts
    for scene, text in texts:
        for x0, y0, x1, y1 in write(Image.new("RGB", (scene.width, scene.height)), text):
            assert 0 <= x0 < x1 < scene.width
            assert 0 <= y0 < y1 < scene.height
        assert any(re.search(r"\bPH(ANTOM)?\b", line) for line in text.lines)
