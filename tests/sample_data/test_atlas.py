from pathlib import Path

import numpy as np
from PIL import Image

from endolink.sample_data.atlas import FIRST_SEED, scene_of, write
from endolink.sample_data.catalogue import STILLS
from endolink.sample_data.film import scene_at


def test_an_atlas_is_a_labelled_folder_with_outlines(tmp_path: Path) -> None:
    counts = write(tmp_path, 0, 4)
    polyps, without = (sorted((tmp_path / name).iterdir()) for name in ("polyp", "none"))
    assert counts == {"polyp": len(polyps), "none": len(without)}
    assert len(polyps) >= 1
    assert len(without) == 2
    for path in polyps:
        drawn = tmp_path / "outlines" / "polyp" / f"{path.stem}.png"
        with Image.open(drawn) as outline, Image.open(path) as frame:
            assert outline.size == frame.size
            assert 0.003 < np.asarray(outline).mean() < 0.6


def test_no_scene_is_one_of_the_committed_ones() -> None:
    committed = {scene.seed for scene in STILLS.values()} | {scene_at(0).seed}
    assert max(committed) < FIRST_SEED
    scenes = [scene_of(number) for number in range(200)]
    assert min(scene.seed for scene in scenes) == FIRST_SEED
    assert all((scene.polyp is None) == (number % 2 == 0) for number, scene in enumerate(scenes))
    assert len({scene.mask for scene in scenes}) == 4
