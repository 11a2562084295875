"""Data sets that are laid out as one folder a class."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from endolink.model.errors import DataLayout
from endolink.training.datasets.samples import images

# Archives unpack into a folder of their own name, some into two of them.
_DEPTH = 3


def slug(name: str) -> str:
    """Write a name in lower case with dashes: `Barrett's esophagus` is `barretts-esophagus`."""
    plain = re.sub(r"['’`]", "", name.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def class_images(
    root: Path, classes: Mapping[str, str], title: str
) -> Iterator[tuple[str, Path, str]]:
    """Yield each image of a set: its name within the set, its path, and its class's finding.

    `classes` maps the folders' names, written as by `slug`, to findings. The class folders lie in
    `root`, or in the folder that the set's archive unpacked into.

    Raises
    ------
    DataLayout
        None of the class folders is there, or another folder beside them holds images.
    """
    top = _top(root, classes, title)
    for folder in _folders(top):
        code = classes.get(slug(folder.name))
        for path in images(folder):
            if code is None:
                raise DataLayout(
                    f"{folder.name!r} is no class of {title}; it has {', '.join(classes)}"
                )
            yield f"{folder.name}/{path.name}", path, code


def _top(root: Path, classes: Mapping[str, object], title: str) -> Path:
    level = [root]
    for _ in range(_DEPTH):
        for folder in level:
            if any(slug(inner.name) in classes for inner in _folders(folder)):
                return folder
        level = [inner for folder in level for inner in _folders(folder)]
    raise DataLayout(
        f"{root}: expected the folders of {title}, as {next(iter(classes))!r}; "
        f"found {contents(root)}"
    )


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def contents(folder: Path) -> str:
    """Say what is in a folder, in a few words, for an error."""
    if not folder.is_dir():
        return "no folder at all"
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "an empty folder"
