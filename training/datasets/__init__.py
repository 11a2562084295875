"""Public data sets, one adapter a file, all giving the same `DataSet`.

`open_data("hyper-kvasir:PATH")` is how the command line names one.
"""

from collections.abc import Callable
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets import edd2020, hyper_kvasir, image_folder, wce_bleed_gen
from endolink.training.datasets.samples import DataSet, Sample, union

ADAPTERS: dict[str, Callable[[Path], DataSet]] = {
    "hyper-kvasir": hyper_kvasir.read,
    "wce-bleed-gen": wce_bleed_gen.read,
    "edd2020": edd2020.read,
    "folder": image_folder.read,
}


def open_data(spec: str) -> DataSet:
    """Read the data set that `spec`, written `ADAPTER:PATH`, names.

    Raises
    ------
    DataLayout
        There is no such adapter, or the folder is not laid out as it expects.
    """
    adapter, colon, path = spec.partition(":")
    if not colon or adapter not in ADAPTERS:
        raise DataLayout(
            f"{spec!r} names no data set; write ADAPTER:PATH with one of {', '.join(ADAPTERS)}"
        )
    return ADAPTERS[adapter](Path(path).expanduser())


__all__ = ["ADAPTERS", "DataSet", "Sample", "open_data", "union"]
