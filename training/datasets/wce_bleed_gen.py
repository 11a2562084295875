"""WCEBleedGen: capsule frames with and without bleeding.

Handa et al., "WCEbleedGen: A wireless capsule endoscopy dataset and its benchmarking for automatic
bleeding classification, detection, and segmentation", arXiv 2408.12466 (2024).

    PATH/bleeding/Images/img- (1).png          as downloaded, or the images in the class folder
    PATH/non-bleeding/images/img- (1).png

The frames come from many sources, in bursts of one scene, and no name says which patient they show:
only near-identical frames can be kept together.
"""

from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets.samples import DataSet, Sample, images

LICENCE = "see Zenodo, record 10156571"
CITATION = (
    "Handa et al., WCEbleedGen: A wireless capsule endoscopy dataset and its benchmarking for "
    "automatic bleeding classification, detection, and segmentation, arXiv 2408.12466 (2024)"
)
NOTICE = "Check the data set's terms on its own page before the model is used or passed on."

BLEEDING = frozenset({"bleeding"})
CLASSES = {"bleeding": BLEEDING, "non-bleeding": frozenset[str]()}


def read(root: Path) -> DataSet:
    """Read both folders: `bleeding` is present in the one and absent in the other.

    Raises
    ------
    DataLayout
        One of the two folders is missing, or holds no image.
    """
    samples = []
    for name, present in CLASSES.items():
        for path in _images(root, name):
            file = f"wce-bleed-gen/{path.relative_to(root).as_posix()}"
            samples.append(Sample(path, file, present, BLEEDING))
    return DataSet("wce-bleed-gen", tuple(samples), ("bleeding",), LICENCE, CITATION, NOTICE)


def _images(root: Path, name: str) -> list[Path]:
    for folder in (root / name / "Images", root / name / "images", root / name):
        if folder.is_dir() and (found := images(folder)):
            return found
    raise DataLayout(
        f"{root}: expected WCEBleedGen's folders {' and '.join(CLASSES)}; no image is in {name}"
    )
