"""What a frame costs the network in a batch: does gathering frames pay on this machine?

    python -m benchmarks.batching --precision int8

As many runs side by side as there are cores, as under load; `endolink serve` asks the same when it
loads a model, and `auto` is what it would do.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from rich.console import Console

from benchmarks.options import add_model, model, table
from endolink.model.classifier import Classifier
from endolink.model.runtime import available_cpus
from endolink.serving.batch_size import batch_size, seconds_a_frame

SIZES = (1, 2, 4, 8)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batching", description=__doc__)
    add_model(parser)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of one network run")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args(arguments)
    options, workers = model(given), available_cpus()
    shown = table(
        f"The network alone, {options.precision}, {workers} runs side by side; frames a second",
        ("", *(f"{size} a run" for size in SIZES), *(f"{size} : 1" for size in SIZES[1:]), "auto"),
    )
    for threads in given.threads:
        classifier = Classifier.open(options.bundle, threads=threads, precision=options.precision)
        with ThreadPoolExecutor(workers) as pool:
            # In turns, so that all meet the same machine.
            took = np.array(
                [
                    [seconds_a_frame(classifier, pool, workers, size, max(SIZES)) for size in SIZES]
                    for _ in range(1 + given.rounds)
                ]
            )[1:]
        gains = np.median(took[:, :1] / took, axis=0)[1:]
        most = batch_size(classifier, "auto", workers=workers, most=max(SIZES))
        shown.add_row(
            f"{threads} thread(s) a run",
            *(f"{1 / seconds:.0f}" for seconds in np.median(took, axis=0)),
            *(f"{gain:.2f}" for gain in gains),
            f"up to {most}" if most > 1 else "off",
        )
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
