"""Frames a second while a network is fine-tuned: EndoLink's loop and a plain torchvision one.

    python -m benchmarks.training --data hyper-kvasir:../shared/data/hyper-kvasir

Both fine-tune the same backbone, every layer of it, in the same batches at the same size, and both
times contain the loading of the data. The plain loop is the one of torchvision's guides:
ImageFolder, DataLoader with as many workers as there are processors, RandomResizedCrop and a flip,
fp32. EndoLink's is `fit`, with all that it draws. They take turns. What each needs before its first
update is told beside: workers started, or a frame walked into the cache. Needs the training extra.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from rich.console import Console
from torch import nn

from benchmarks.options import table
from endolink.model.runtime import available_cpus
from endolink.training.fit import fit
from endolink.training.recipe import Recipe
from endolink.training.run import Material, gather
from endolink.training.torchvision_shim import torchvision

TIMES_AS_FAST = 1.5
# The first updates of a loop fill its queues and let oneDNN choose its kernels.
_WARM_UP = 2
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Seen = list[tuple[float, int]]
"""When how many frames were finished, after each update."""


class Quiet:
    """A run's display that says nothing."""

    def stage(self, what: str, total: int) -> Callable[[int], None]:  # noqa: ARG002
        return lambda _: None

    def say(self, text: str) -> None:
        pass


def rate(seen: Seen) -> float:
    """Give the frames a second after the first updates."""
    (began, before), (ended, after) = seen[_WARM_UP - 1], seen[-1]
    return (after - before) / (ended - began)


def ours(recipe: Recipe, material: Material, rows: Sequence[int]) -> Seen:
    """Fit one epoch as `endolink train` does."""
    frames = material.frames(rows)
    seen: Seen = []
    with tempfile.TemporaryDirectory() as folder:
        fit(
            recipe,
            material.findings,
            frames,
            frames.take(np.arange(2)),
            folder=Path(folder),
            progress=lambda _, count, __: seen.append((perf_counter(), count)),
        )
    return seen


def plain(recipe: Recipe, folder: Path, workers: int) -> Seen:
    """Fit one epoch as torchvision's guides do."""
    transforms = torchvision.transforms
    images = torchvision.datasets.ImageFolder(
        str(folder),
        transforms.Compose(
            [
                transforms.RandomResizedCrop(recipe.train_size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(_MEAN, _STD),
            ]
        ),
    )
    loader = torch.utils.data.DataLoader(
        images, recipe.batch, shuffle=True, num_workers=workers, drop_last=True
    )
    network = torchvision.models.get_model(
        recipe.architecture, weights=None, num_classes=len(images.classes)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    loss = nn.CrossEntropyLoss()
    seen: Seen = []
    count = 0
    for pixels, labels in loader:
        optimizer.zero_grad()
        loss(network(pixels), labels).backward()
        optimizer.step()
        count += len(labels)
        seen.append((perf_counter(), count))
    return seen


def lay_out(material: Material, rows: Sequence[int], folder: Path) -> Path:
    """Link the frames into a folder a label, as ImageFolder wants them."""
    for row in rows:
        sample = material.samples[row]
        place = folder / "-".join(sorted(sample.present) or ["none"])
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row:05}{sample.path.suffix}").symlink_to(sample.path.resolve())
    return folder


def _timed(what: Callable[[], Seen]) -> tuple[float, float]:
    """Give the frames a second, and the seconds until the first update was done."""
    began = perf_counter()
    seen = what()
    return rate(seen), seen[0][0] - began


def _roads(
    recipe: Recipe, material: Material, rows: Sequence[int], folder: Path
) -> Iterator[tuple[str, Callable[[], Seen]]]:
    yield "ImageFolder, DataLoader, fp32", lambda: plain(recipe, folder, available_cpus())
    yield "endolink train", lambda: ours(recipe, material, rows)
    same = replace(recipe, precision="fp32")
    yield "endolink train --precision fp32", lambda: ours(same, material, rows)
    shipped = replace(recipe, stem=4)
    yield "endolink train --stem 4, as shipped", lambda: ours(shipped, material, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", required=True, metavar="ADAPTER:PATH", help="as endolink train has it"
    )
    parser.add_argument("--frames", type=int, default=512, help="of an epoch")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--architecture", default="mobilenet_v2")
    parser.add_argument("--size", type=int, default=224, help="both learn at 6/7 of it")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    recipe = Recipe(
        architecture=options.architecture,
        size=options.size,
        train_size=options.size * 6 // 7,
        batch=options.batch,
        epochs=1,
        burst=10**6,
    )
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as scratch:
        began = perf_counter()
        material = gather([options.data], recipe, Path(scratch) / "cache", Quiet())
        walked = (perf_counter() - began) / len(material.samples)
        rng = np.random.default_rng(0)
        count = min(options.frames, len(material.samples))
        if count < (_WARM_UP + 1) * options.batch:
            parser.error(f"{count} frames are too few for batches of {options.batch}")
        rows = rng.permutation(len(material.samples))[:count].tolist()
        folder = lay_out(material, rows, Path(scratch) / "images")
        rates: dict[str, list[float]] = {}
        starts: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for name, road in _roads(recipe, material, rows, folder):
                speed, start = _timed(road)
                rates.setdefault(name, []).append(speed)
                starts.setdefault(name, []).append(start)
    shown = table(
        f"{count} frames, {recipe.architecture} at {recipe.train_size} pixels, batches of "
        f"{recipe.batch}; {torch.get_num_threads()} threads",
        ("", "frames/s", "least", "most", "times the plain loop", "first update, s"),
    )
    base = rates["ImageFolder, DataLoader, fp32"]
    for name, found in rates.items():
        ratios = [mine / theirs for mine, theirs in zip(found, base, strict=True)]
        shown.add_row(
            name,
            f"{median(found):.1f}",
            f"{min(found):.1f}",
            f"{max(found):.1f}",
            f"{median(ratios):.2f}",
            f"{median(starts[name]):.1f}",
        )
    shown.add_row("target", "", "", "", f"≥ {TIMES_AS_FAST}", "")
    console.print(shown)
    console.print(
        f"Frames are walked into the cache once, {1000 * walked:.0f} ms each; every epoch and run "
        "after that reads them."
    )


if __name__ == "__main__":
    main()
