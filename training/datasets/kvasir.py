"""Kvasir v2: eight classes of a thousand images each.

Pogorelov et al., "Kvasir: a multi-class image dataset for computer aided gastrointestinal disease
detection", ACM MMSys 2017, doi 10.1145/3083187.3083212.

    PATH/kvasir-dataset-v2/normal-cecum/<uuid>.jpg

It comes from the hospital of HyperKvasir and GastroVision, and the same picture may be in several:
sets that are joined are searched for each other's near-copies.
"""

from pathlib import Path

from endolink.training.datasets.class_folders import class_images
from endolink.training.datasets.samples import DataSet, Sample

LICENCE = "research and education only"
CITATION = (
    "Pogorelov et al., Kvasir: a multi-class image dataset for computer aided gastrointestinal "
    "disease detection, ACM MMSys 2017, doi 10.1145/3083187.3083212"
)
NOTICE = "Any use of Kvasir beyond research and education needs its authors' written permission."

CLASSES = {
    "dyed-lifted-polyps": "dyed-lifted-polyps",
    "dyed-resection-margins": "dyed-resection-margins",
    "esophagitis": "esophagitis",
    "normal-cecum": "cecum",
    "normal-pylorus": "pylorus",
    "normal-z-line": "z-line",
    "polyps": "polyp",
    "ulcerative-colitis": "ulcerative-colitis",
}


def read(root: Path) -> DataSet:
    """Read the eight classes, or those of them that are there.

    Raises
    ------
    DataLayout
        No class folder is there, or one is none of the eight.
    """
    found = list(class_images(root, CLASSES, "Kvasir v2"))
    findings = tuple(dict.fromkeys(code for _, _, code in found))
    known = frozenset(findings)
    samples = tuple(
        Sample(path, f"kvasir-v2/{file}", frozenset({code}), known) for file, path, code in found
    )
    return DataSet("kvasir-v2", samples, findings, LICENCE, CITATION, NOTICE)
