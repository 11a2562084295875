"""LIMUC: ulcerative colitis by its Mayo endoscopic score, in folders of patients.

Polat et al., "Improving the computer-aided estimation of ulcerative colitis severity according to
Mayo endoscopic score by using regression-based deep learning", Inflammatory Bowel Diseases (2022),
doi 10.1093/ibd/izac226; data set doi 10.5281/zenodo.5827695.

    PATH/patient_based_classified_images/100/Mayo 2/UC_patient_100_15.bmp
    PATH/test_set/Mayo 2/UC_patient_7_3.bmp       optional: which frames are the official test set
"""

import re
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets.class_folders import contents, slug
from endolink.training.datasets.samples import DataSet, Sample, images

IMAGES, TEST = "patient_based_classified_images", "test_set"
LICENCE = "CC-BY-4.0"
CITATION = (
    "Polat et al., Improving the computer-aided estimation of ulcerative colitis severity "
    "according to Mayo endoscopic score by using regression-based deep learning, Inflammatory "
    "Bowel Diseases (2022), doi 10.1093/ibd/izac226; doi 10.5281/zenodo.5827695"
)

SCORES = {f"mayo-{score}": f"ulcerative-colitis-grade-{score}" for score in range(4)}
_FINDINGS = tuple(SCORES.values())


def read(root: Path) -> DataSet:
    """Read every patient's frames; each of the four scores is decided in each.

    Raises
    ------
    DataLayout
        There is no folder of a patient with folders `Mayo 0` to `Mayo 3`, or another folder in it.
    """
    top = root / IMAGES if (root / IMAGES).is_dir() else root
    inner = top / IMAGES  # an archive that unpacks into a folder of its own name
    top = inner if inner.is_dir() else top
    tested = {path.name for path in (root / TEST).rglob("UC_patient_*") if path.is_file()}
    samples = []
    for patient in _patients(top):
        for folder in sorted(path for path in patient.iterdir() if path.is_dir()):
            code = SCORES.get(slug(folder.name))
            if code is None:
                raise DataLayout(f"{folder}: expected a folder Mayo 0 to Mayo 3")
            samples += [
                Sample(
                    path,
                    f"limuc/{path.relative_to(top).as_posix()}",
                    frozenset({code}),
                    frozenset(_FINDINGS),
                    group=f"patient {patient.name}",
                    part=None if not tested else "test" if path.name in tested else "train",
                )
                for path in images(folder)
            ]
    if not samples:
        raise DataLayout(
            f"{root}: expected LIMUC's folders, as {IMAGES}/100/Mayo 2; found {contents(root)}"
        )
    return DataSet("limuc", tuple(samples), _FINDINGS, LICENCE, CITATION)


def _patients(top: Path) -> list[Path]:
    """List the patients' folders, by number."""
    if not top.is_dir():
        return []
    found = [path for path in top.iterdir() if path.is_dir() and re.search(r"\d", path.name)]
    return sorted(found, key=lambda path: (int(re.sub(r"\D", "", path.name)), path.name))
