"""Public data sets, one adapter a file, all giving the same `DataSet`.

`open_data("hyper-kvasir:PATH")` is how the command line names one.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets import (
    edd2020,
    gastrovision,
    hyper_kvasir,
    image_folder,
    kvasir,
    kvasir_capsule,
    labels,
    limuc,
    wce_bleed_gen,
)
from endolink.training.datasets.class_folders import slug
from endolink.training.datasets.samples import DataSet, Part, Sample, union

ADAPTERS: dict[str, Callable[[Path], DataSet]] = {
    "hyper-kvasir": hyper_kvasir.read,
    "kvasir-v2": kvasir.read,
    "gastrovision": gastrovision.read,
    "gastrovision-22": gastrovision.read_protocol,
    "kvasir-capsule": kvasir_capsule.read,
    "kvasir-capsule-11": kvasir_capsule.read_protocol,
    "wce-bleed-gen": wce_bleed_gen.read,
    "edd2020": edd2020.read,
    "limuc": limuc.read,
    "folder": image_folder.read,
    "labels": labels.read,
}


def open_data(spec: str) -> DataSet:
    """Read the data set that `spec`, written `ADAPTER:PATH` or `NAME=ADAPTER:PATH`, names.

    Two folders of one name are told apart by a NAME of their own.

    Raises
    ------
    DataLayout
        There is no such adapter, or the folder is not laid out as it expects.
    """
    head, colon, path = spec.partition(":")
    name, _, adapter = head.rpartition("=")
    if not colon or adapter not in ADAPTERS or (name and slug(name) != name):
        raise DataLayout(
            f"{spec!r} names no data set; write ADAPTER:PATH with one of {', '.join(ADAPTERS)}, "
            "or name=ADAPTER:PATH to give it a name in small letters"
        )
    data = ADAPTERS[adapter](Path(path).expanduser())
    return _renamed(data, name) if name else data


def _renamed(data: DataSet, name: str) -> DataSet:
    samples = tuple(
        replace(sample, file=f"{name}/{sample.file.partition('/')[2]}") for sample in data.samples
    )
    return replace(data, name=name, samples=samples)


__all__ = ["ADAPTERS", "DataSet", "Part", "Sample", "open_data", "union"]
