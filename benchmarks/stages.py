"""Where a frame's time goes on the bare road, step by step, in one thread.

python -m benchmarks.stages --precision int8
"""

import argparse
from collections.abc import Callable, Sequence
from math import ceil
from time import perf_counter

import numpy as np
from rich.console import Console

from benchmarks.camera import pictures
from benchmarks.frame import ordinary_frame
from benchmarks.options import add_model, model, table
from endolink.model.classifier import Classifier
from endolink.model.frame import decode
from endolink.model.preprocess import FINER, normalise, square
from endolink.model.quality import assess
from endolink.model.verdict import VERDICT_JSON
from endolink.model.view import find_view


def stages(classifier: Classifier, image: bytes) -> dict[str, Callable[[], object]]:
    """Give what is done with `image`, each step by itself."""
    preprocess = classifier.bundle.manifest.preprocess
    side = ceil(preprocess.size * FINER)
    frame = decode(image, min_side=side)
    view = find_view(frame)
    canvas = square(frame, view, preprocess)
    prepared = [classifier.prepare(image)]
    (verdict,) = classifier.judge(prepared)
    return {
        "decode": lambda: decode(image, min_side=side),
        "view": lambda: find_view(frame),
        "quality": lambda: assess(frame, view),
        "square": lambda: square(frame, view, preprocess),
        "tensor": lambda: normalise(canvas, preprocess),
        "network": lambda: classifier.outputs(prepared),
        "JSON": lambda: VERDICT_JSON.dump_json(verdict),
        "all": lambda: classifier.judge([classifier.prepare(image)]),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    add_model(parser)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args(arguments)
    options = model(given)
    classifier = Classifier.open(options.bundle, threads=1, precision=options.precision)
    (small, *_), ordinary = pictures("fixed", 1), ordinary_frame()
    assert isinstance(small, bytes)
    shown: dict[str, list[str]] = {}
    for image in (small, ordinary):
        for name, step in stages(classifier, image).items():
            took = []
            for _ in range(given.rounds):
                before = perf_counter()
                step()
                took.append(perf_counter() - before)
            shown.setdefault(name, []).append(f"{np.median(took) * 1e3:.2f}")
    made = table(
        f"Median ms of each step, repeated by itself, {options.precision}",
        ("", "320 × 256", "1280 × 1024"),
    )
    for name, figures in shown.items():
        made.add_row(name, *figures)
    Console(width=100).print(made)


if __name__ == "__main__":
    main()
