from hashlib import sha256
from pathlib import Path

import pytest

from endolink.model.preprocess import Preprocess
from endolink.training.dealing import make_split
from tests.training.conftest import Silent
from tests.training.pictures import draw, fill_folder


def test_near_copies_and_patients_stay_on_one_side(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "clinic", 10)
    for number in range(10):
        draw("polyp", number).save(root / "polyp" / f"{number:02}-again.jpg", quality=70)
    (root / "groups.csv").write_text(
        "file,group\n"
        + "".join(f"cecum/{number:02}.jpg,exam {number // 5}\n" for number in range(10))
    )
    display = Silent()
    split = make_split(
        [f"folder:{root}"],
        tmp_path / "cache",
        display,
        folds=3,
        fold=0,
        seed=0,
        official=False,
        preprocess=Preprocess(64),
    )
    assert display.done["decode and crop"] == [40, 40]
    parts = {row.file: row.part for row in split.rows}
    for number in range(10):
        first = f"clinic/polyp/{number:02}"
        assert parts[f"{first}.jpg"] == parts[f"{first}-again.jpg"]
        exam = number // 5 * 5
        assert parts[f"clinic/cecum/{number:02}.jpg"] == parts[f"clinic/cecum/{exam:02}.jpg"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "folds", "digest"),
    [
        pytest.param(
            *("hyper-kvasir", 8),
            "f46c76123221ccc5fc7e5577bf2b6e857d9dbafb6b971f1b07e8ad4dee361eb8",
            marks=pytest.mark.soak,
        ),
        ("wce-bleed-gen", 5, "34acd1e1d79c5a2c5e924489f4a66325ee8a3f7a11471a83d3e6df13494573cb"),
    ],
)
def test_what_a_bundle_did_not_learn_from_is_still_held_back(
    shared: Path, tmp_path: Path, name: str, folds: int, digest: str
) -> None:
    """A view that is found a little otherwise may part a pair, and deal every frame anew."""
    made = make_split(
        [f"{name}:{shared / 'data' / name}"],
        tmp_path / "cache",
        Silent(),
        folds=folds,
        fold=0,
        seed=0,
        official=False,
    )
    made.write(tmp_path / "split.csv")
    assert sha256((tmp_path / "split.csv").read_bytes()).hexdigest() == digest
