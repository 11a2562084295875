from pathlib import Path

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
