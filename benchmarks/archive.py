"""What scoring a folder adds to the bare road on all cores: 2,000 frames, both in one run.

    python -m benchmarks.archive [--bundle DIR] [--frames N] [--rounds N] [--memory N]

The bare road is `Classifier.score` on as many threads as there are CPUs, over the same files, with
nothing written down. The archive is a whole job: walk, read, score, ledger, events, key frames,
Parquet. They alternate, round by round, so that both meet the same machine, however busy it is.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from benchmarks.frame import ordinary_frame
from endolink.model.classifier import Classifier
from endolink.model.runtime import available_cpus
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.options import Form, make_sinks
from endolink.serving.archive.sources import find

TARGET = 0.90
MEMORY_TARGET = 1.2


def write_frames(folder: Path, count: int) -> None:
    """Write `count` ordinary frames that differ, so that none is known by its content."""
    frame = ordinary_frame()
    folder.mkdir()
    for number in range(count):
        # What follows a JPEG's end is nobody's picture.
        (folder / f"{number}.jpg").write_bytes(frame + number.to_bytes(4, "big"))


def bare(folder: Path, classifier: Classifier, workers: int) -> float:
    """Score a folder's files on `workers` threads; give frames a second."""
    paths = sorted(folder.iterdir())
    start = perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda path: classifier.score([path.read_bytes()]), paths):
            pass
    return len(paths) / (perf_counter() - start)


def archive(folder: Path, out: Path, classifier: Classifier, workers: int) -> float:
    """Do a whole job over a folder; give frames a second."""
    sinks = make_sinks([Form.PARQUET], classifier, identifiers=False)
    job = Job(out, classifier, sinks, workers=workers)
    start = perf_counter()
    scored = 0
    with job.open_ledger(resume=False) as ledger:
        for done in run(job, ledger, find([str(folder)]), Unwritten()):
            scored = done.scored
    return scored / (perf_counter() - start)


def peak_memory(count: int, bundle: Path | None) -> float:
    """Score a folder of `count` small frames in a process of its own; give its peak, in MB."""
    command = [sys.executable, "-m", "benchmarks.archive", "--one-job", str(count)]
    command += ["--bundle", str(bundle)] if bundle else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _one_job(count: int, bundle: Path | None) -> None:
    classifier = Classifier.open(bundle, threads=1)
    small = Path("sample_data/frames/capsule-bleeding.jpg").read_bytes()
    with TemporaryDirectory() as name:
        folder = Path(name) / "frames"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.jpg").write_bytes(small + number.to_bytes(4, "big"))
        archive(folder, Path(name) / "out", classifier, available_cpus())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="by default the bundled model", metavar="DIR")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory", type=int, metavar="N", help="also compare the peak memory of N and 1,000 frames"
    )
    parser.add_argument("--one-job", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one_job is not None:
        _one_job(options.one_job, options.bundle)
        return
    workers = available_cpus()
    classifier = Classifier.open(options.bundle, threads=1)
    with TemporaryDirectory() as name:
        folder = Path(name) / "frames"
        write_frames(folder, options.frames)
        rates = []
        for number in range(options.rounds):
            out = Path(name) / f"out-{number}"
            rates.append((bare(folder, classifier, workers),
                          archive(folder, out, classifier, workers)))  # fmt: skip
    roads, jobs = np.array(rates).T
    print(f"{options.frames} frames of 1280 × 1024, {workers} threads, {options.rounds} rounds")
    print(f"bare road  {np.median(roads):8.1f} frames/s")
    print(f"archive    {np.median(jobs):8.1f} frames/s")
    print(f"ratio      {np.median(jobs / roads):8.3f}   (target: at least {TARGET})")
    if options.memory:
        few, many = (peak_memory(n, options.bundle) for n in (1000, options.memory))
        print(f"peak memory at 1,000 frames {few:.0f} MB, at {options.memory:,} {many:.0f} MB")
        print(f"ratio      {many / few:8.3f}   (target: at most {MEMORY_TARGET})")


if __name__ == "__main__":
    main()
