"""How much burned-in text `endolink deidentify` blanks, and how much of the frames with it.

    python -m benchmarks.clean_pixels [--frames N] [--seed N] [--from DIR]

Strings as processors write them (a date, a name, a number, sex and age; white or yellow, 2 to 4 %
of the frame's longer side tall) are planted one at a time, at random places, into the phantom's
frames and into frames of HyperKvasir. One counts as blanked where 95 % of its pixels are. Beside
that: how much of the frames as they are is black then, surround, insets and text of their own
included.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from endolink import sample_data
from endolink.model.frame import decode
from endolink.serving.archive.clean_pixels import TextRecall, clean, text_recall

DATA = Path(__file__).parents[2] / "shared/data/hyper-kvasir/labeled-images"


def measure(what: str, paths: Sequence[Path], seed: int) -> None:
    """Plant text into each frame, and print how much of it would be blanked."""
    recall, blanked, withheld = TextRecall(), [], 0
    for number, path in enumerate(paths):
        frame = decode(path.read_bytes())
        recall += text_recall(frame, seed + number)
        cleaned = clean(frame)
        withheld += cleaned.withheld is not None
        if cleaned.withheld is None:
            blanked.append(cleaned.blanked)
    print(
        f"{what:12} {len(paths)} frames: {recall.blanked} of {recall.planted} strings blanked, "
        f"{recall.share or 0:.1%}; {np.mean(blanked):.1%} of a frame black; {withheld} withheld"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clean_pixels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--frames", type=int, default=50, help="of HyperKvasir")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from", dest="source", type=Path, default=DATA, metavar="DIR")
    options = parser.parse_args(arguments)
    measure("phantom", sample_data.frames(), options.seed)
    paths = sorted(options.source.rglob("*.jpg"))
    if not paths:
        print(f"HyperKvasir  there are no frames at {options.source}")
        return
    chosen = np.random.default_rng(options.seed).permutation(len(paths))[: options.frames]
    measure("HyperKvasir", [paths[index] for index in chosen], options.seed)


if __name__ == "__main__":
    main()
