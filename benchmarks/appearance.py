"""Does a finding stand whatever it is shown by? Two proxies for a hospital that nobody has seen.

    python -m benchmarks.appearance --data hyper-kvasir:PATH --split runs/colonoscopy/split.csv
    python -m benchmarks.appearance --data hyper-kvasir:PATH --split runs/colonoscopy/split.csv
      --leave-out --weights FILE

The first shows the held-out frames to a bundle as screens show them that nothing of its training
draws (`screens.py`, `towers.py`). The second trains networks anew, shortly: one with all that
training draws, and one each without masks, without colours, without insets; and tests each on
frames in the appearance that the latter has never seen, drawn by the stress suite, which shares no
code with training. Every frame walks the serving road. Operating points of the second are chosen on
plain validation frames.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.options import table
from benchmarks.screens import SCREENS
from benchmarks.towers import TOWERS
from endolink.model.classifier import Classifier
from endolink.model.frame import Frame
from endolink.model.manifest import Figure
from endolink.model.runtime import available_cpus
from endolink.model.view import View
from endolink.training import run
from endolink.training.augment import Augment
from endolink.training.calibrate import balanced_point
from endolink.training.config import Config, claim, git_commit, libraries
from endolink.training.corruptions import CORRUPTIONS, MIDDLE
from endolink.training.datasets import Part, Sample, open_data
from endolink.training.datasets.samples import targets, union
from endolink.training.drawing import Chances, Drawer, drawer_of
from endolink.training.fit import fit
from endolink.training.frames import Frames
from endolink.training.intervals import Bootstrap
from endolink.training.metrics import auroc
from endolink.training.recipe import Recipe
from endolink.training.splits import Split, read_split
from endolink.training.stress import draw

Change = Callable[[Frame, View], Frame | bytes]

SHOWN = SCREENS | TOWERS


@dataclass(frozen=True)
class Without:
    """What a network learns without, and the corruption that it is then tested on."""

    lessen: Callable[[Augment], Augment]
    chances: Chances
    tested: str


LEFT_OUT = {
    "no masks": Without(lambda a: replace(a, scope=0.0), Chances(mask=0.0), "scope-mask"),
    "no colours": Without(
        lambda a: replace(a, colour=0.0, cast=0.0, halation=0.0), Chances(tone=0.0), "colour"
    ),
    "no insets": Without(lambda a: replace(a, inset=0.0, text=0.0), Chances(), "inset"),
}
_EVERYTHING = Without(lambda a: a, Chances(), "")


class Quiet:
    """A run's display that says nothing."""

    def stage(self, what: str, total: int) -> Callable[[int], None]:  # noqa: ARG002
        return lambda _: None

    def say(self, text: str) -> None:
        pass


@dataclass(frozen=True, eq=False)
class Held:
    """The held-out frames, by group, and which of them show the finding."""

    samples: tuple[Sample, ...]
    groups: tuple[str, ...]
    present: NDArray[np.bool_]

    @classmethod
    def of(
        cls, samples: Sequence[Sample], split: Split, part: Part, code: str, most: int = 10**9
    ) -> "Held":
        rows = split.indices(part)
        rows = [rows[number] for number in draw(most, [samples[row].file for row in rows])]
        chosen = tuple(samples[row] for row in rows)
        present, known = targets(chosen, (code,))
        kept = [number for number in range(len(rows)) if known[number, 0]]
        return cls(
            tuple(chosen[number] for number in kept),
            tuple(split.rows[rows[number]].group for number in kept),
            present[kept, 0],
        )


def plain(frame: Frame, _: View) -> Frame:
    return frame


def on_screen(name: str) -> Change:
    """Show a frame on one of the screens, drawn the same for it on every machine."""
    _, screen = SHOWN[name]

    def change(frame: Frame, view: View) -> Frame:
        key = hashlib.sha256(f"{name}/{frame.sha256}".encode()).digest()
        return screen(frame, view, np.random.default_rng(list(key)))

    return change


def corrupted(name: str) -> Change:
    """Change a frame as the stress suite does at its middle strength."""
    return lambda frame, view: CORRUPTIONS[name].apply(frame, view, MIDDLE)


def scores(
    classifier: Classifier, held: Held, code: str, changes: Sequence[Change]
) -> NDArray[np.float64]:
    """Give the finding's probability for each change and frame, [changes, N]."""
    column = [finding.code for finding in classifier.findings].index(code)
    found = np.zeros((len(changes), len(held.samples)))

    def walk(row: int) -> None:
        path = held.samples[row].path
        before = classifier.prepare(path.read_bytes(), declared=path.suffix, reduced=False)
        for number, change in enumerate(changes):
            after = classifier.prepare(change(before.frame, before.view))
            (verdict,) = classifier.judge([after])
            found[number, row] = verdict.findings[column].probability

    with ThreadPoolExecutor(available_cpus()) as pool:
        list(pool.map(walk, range(len(held.samples))))
    return found


def figures(held: Held, chances: NDArray[np.float64], threshold: float) -> tuple[str, ...]:
    """Write AUROC, sensitivity and specificity, each with its interval over groups."""
    bootstrap = Bootstrap(held.groups)
    called = chances >= threshold
    made = (
        bootstrap.figure("auroc", lambda weights: auroc(held.present, chances, weights)),
        bootstrap.share("sensitivity", called, held.present),
        bootstrap.share("specificity", ~called, ~held.present),
    )
    return tuple(map(_told, made))


def screens_table(classifier: Classifier, held: Held, code: str) -> Table:
    changes = [plain, *map(on_screen, SHOWN)]
    found = scores(classifier, held, code, changes)
    shown = table(
        f"{code} on {len(held.samples)} held-out frames, {int(held.present.sum())} with it, as "
        "screens show them that training never draws",
        ("", "AUROC", "sensitivity", "specificity"),
    )
    threshold = classifier.thresholds[code]
    names = ("as they are", *(f"{name}: {says}" for name, (says, _) in SHOWN.items()))
    for name, chances in zip(names, found, strict=True):
        shown.add_row(name, *figures(held, chances, threshold))
    return shown


def trained(
    material: run.Material,
    split: Split,
    recipe: Recipe,
    folder: Path,
    *,
    without: Without,
    learnt: int,
) -> Classifier:
    """Train a network that is never drawn some appearances, and open it as a bundle.

    Goes on where a run in `folder` was stopped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    claim(
        folder,
        Config(
            data=(f"at most {learnt} frames",),
            recipe=recipe,
            folds=2,
            fold=0,
            split_seed=0,
            split="given",
            specificity=0.95,
            command="python -m benchmarks.appearance",
            git_commit=git_commit(),
            libraries=libraries(),
        ),
    )
    made = folder / run.BUNDLE
    if made.is_dir():
        return Classifier.open(made)
    split.write(folder / run.SPLIT)

    def drawer(frames: Frames, asked: Recipe) -> Drawer:
        return drawer_of(frames, asked, without.chances, without.lessen)

    rows = split.indices("train")
    files = [material.samples[row].file for row in rows]
    fit(
        recipe,
        material.findings,
        material.frames([rows[number] for number in draw(learnt, files)]),
        material.frames(split.indices("validation")),
        folder=folder,
        drawer=drawer,
    )
    run.make_bundle(folder, material, made, name="short", version="0.0.0")
    return Classifier.open(made)


def left_out_table(
    material: run.Material,
    split: Split,
    recipe: Recipe,
    code: str,
    folder: Path,
    *,
    tested_on: int,
    learnt: int,
) -> Table:
    held = Held.of(material.samples, split, "test", code, tested_on)
    validation = Held.of(material.samples, split, "validation", code)
    count = min(learnt, len(split.indices("train")))
    shown = table(
        f"{code} on {len(held.samples)} held-out frames in an appearance that the network was "
        f"trained with, and without ({recipe.epochs} epochs of {count:,} frames)",
        ("", "tested on", "AUROC", "sensitivity", "specificity"),
    )
    tested = [one.tested for one in LEFT_OUT.values()]
    changes = [plain, *map(corrupted, tested)]
    rows = {"with everything": (_EVERYTHING, list(range(len(changes))))}
    rows |= {name: (one, [0, number]) for number, (name, one) in enumerate(LEFT_OUT.items(), 1)}
    for name, (without, which) in rows.items():
        place = folder / name.replace(" ", "-")
        classifier = trained(material, split, recipe, place, without=without, learnt=learnt)
        (before,) = scores(classifier, validation, code, [plain])
        point = balanced_point(code, before, validation.present, measured_on="validation")
        found = scores(classifier, held, code, [changes[number] for number in which])
        for number, chances in zip(which, found, strict=True):
            appearance = ("as they are", *tested)[number]
            shown.add_row(name, appearance, *figures(held, chances, point.threshold))
    return shown


def _told(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.appearance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, metavar="ADAPTER:PATH")
    parser.add_argument("--split", required=True, type=Path, help="a run's split.csv")
    parser.add_argument("--bundle", type=Path, help="by default the bundled model", metavar="DIR")
    parser.add_argument("--finding", default="polyp")
    parser.add_argument("--frames", type=int, default=10**9, help="test on at most so many")
    parser.add_argument("--leave-out", action="store_true", help="train without appearances")
    parser.add_argument("--weights", help="what the short trainings start from")
    parser.add_argument("--epochs", type=int, default=4, help="of each")
    parser.add_argument("--learn", type=int, default=10**9, help="frames of each, at most")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--architecture", default="mobilenet_v2")
    parser.add_argument("--stem", type=int, default=8, help="parts that are never trained")
    parser.add_argument("--out", type=Path, help="keep the trainings there, and go on from them")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/endolink"))
    options = parser.parse_args(arguments)
    console = Console(width=120)
    if not options.leave_out:
        samples, _ = union([open_data(options.data)])
        split = read_split(options.split, samples)
        held = Held.of(samples, split, "test", options.finding, options.frames)
        console.print(screens_table(Classifier.open(options.bundle), held, options.finding))
        return
    size = options.size
    recipe = Recipe(
        weights=options.weights,
        size=size,
        train_size=max(32, size * 5 // 7),
        detail=size,
        architecture=options.architecture,
        stem=options.stem,
        epochs=options.epochs,
        burst=4,
        average=0.95,
    )
    material = run.gather([options.data], recipe, options.cache, Quiet())
    split = read_split(options.split, material.samples)
    with tempfile.TemporaryDirectory() as folder:
        console.print(
            left_out_table(
                material,
                split,
                recipe,
                options.finding,
                options.out or Path(folder),
                tested_on=options.frames,
                learnt=options.learn,
            )
        )


if __name__ == "__main__":
    main()
