"""What archive scoring adds to the bare road on all cores, and how much memory it takes.

    python -m benchmarks.archive [--frames N] [--from DIR] [--rounds N] [--bundle DIR]
    python -m benchmarks.archive --video --minutes 10 [--every S]
    python -m benchmarks.archive --memory 50000

The bare road of stills is `Classifier.score` on as many threads as there are CPUs, over the same
files, with nothing written down; that of a film is decoding it and scoring the pictures that are
due, and decoding alone is measured beside it. The archive is a whole job: walk, read, score,
ledger, events, key frames, Parquet. They alternate, round by round, so that all meet the same
machine. `of the CPU time` compares the processor time of a frame instead of the clock's: it says
the same where the machine is not shared, and is steadier where it is.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from PIL import Image

from benchmarks.frame import ordinary_frame
from endolink import sample_data
from endolink.model.classifier import Classifier
from endolink.model.runtime import available_cpus
from endolink.model.video import frames as video_frames
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.options import Form, make_sinks
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.scoring import in_order
from endolink.serving.archive.sources import find

TARGET = 0.90
MEMORY_TARGET = 1.2
_FPS = 25
_SIZE = 1920, 1080


@dataclass(frozen=True)
class Took:
    """What one walk over `count` frames took, in seconds of the clock and of the processors."""

    count: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.count / self.seconds

    def beside(self, other: "Took") -> tuple[float, float]:
        """Give this one's speed as a share of the other's, by the clock and by the processors."""
        mine, theirs = self.cpu_seconds / self.count, other.cpu_seconds / other.count
        return self.rate / other.rate, theirs / mine


def timed(work: Callable[[], int]) -> Took:
    """Measure `work`, which says how many frames it went through."""
    start, used = time.perf_counter(), time.process_time()
    count = work()
    return Took(count, time.perf_counter() - start, time.process_time() - used)


def write_frames(folder: Path, count: int, source: Path | None = None) -> None:
    """Write `count` frames that differ, so that none is known by its content.

    They are ordinary ones, or as many as there are below `source`.
    """
    folder.mkdir()
    if source is not None:
        for number, path in enumerate(sorted(source.rglob("*.jpg"))[:count]):
            (folder / f"{number}.jpg").write_bytes(path.read_bytes())
        return
    frame = ordinary_frame()
    for number in range(count):
        # What follows a JPEG's end is nobody's picture.
        (folder / f"{number}.jpg").write_bytes(frame + number.to_bytes(4, "big"))


def write_video(path: Path, minutes: float) -> None:
    """Film the phantom in H.264: 1920 × 1080, 25 pictures a second, the camera never still."""
    (still,) = (p for p in sample_data.frames() if p.stem == "polyp-1080p-left-text")
    with Image.open(still) as image:
        pixels = np.asarray(image.convert("RGB").resize(_SIZE))
    noise = np.random.default_rng(0).integers(0, 9, (8, *pixels.shape[:2], 1), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height = _SIZE
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "ultrafast", "crf": "23"}
        for number in range(round(minutes * 60 * _FPS)):
            drift = round(60 * np.sin(number / 40)), round(60 * np.cos(number / 30))
            moved = np.roll(pixels, drift, (0, 1)) // 9 * 8 + noise[number % len(noise)]
            picture = av.VideoFrame.from_ndarray(moved, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def bare(folder: Path, classifier: Classifier, workers: int) -> int:
    """Score a folder's files on `workers` threads."""
    paths = sorted(folder.iterdir())
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda path: classifier.score([path.read_bytes()]), paths):
            pass
    return len(paths)


def decoded(path: Path) -> int:
    """Decode a film on all CPUs, and look at none of its pictures."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def bare_video(path: Path, reading: Reading, classifier: Classifier, workers: int) -> int:
    """Decode a film and score the pictures that are due."""
    timed_frames = video_frames(path, every_s=reading.every_s)
    verdicts = in_order(lambda one: classifier.score([one.frame]), timed_frames, workers)
    return sum(1 for _ in verdicts)


def archive(
    place: Path, out: Path, classifier: Classifier, workers: int, reading: Reading | None = None
) -> int:
    """Do a whole job over a folder or a film."""
    reading = reading or Reading()
    sinks = make_sinks([Form.PARQUET], classifier, identifiers=False, reading=reading)
    job = Job(out, classifier, sinks, reading, workers=workers)
    scored = 0
    with job.open_ledger(resume=False) as ledger:
        for done in run(job, ledger, find([str(place)]), Unwritten()):
            scored = done.scored
    return scored


def peak_memory(count: int, bundle: Path | None) -> float:
    """Score a folder of `count` small frames in a process of its own; give its peak, in MB."""
    command = [sys.executable, "-m", "benchmarks.archive", "--one-job", str(count)]
    command += ["--bundle", str(bundle)] if bundle else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _one_job(count: int, bundle: Path | None) -> None:
    classifier = Classifier.open(bundle, threads=1)
    (still,) = (p for p in sample_data.frames() if p.stem == "capsule-bleeding")
    small = still.read_bytes()
    with TemporaryDirectory() as name:
        folder = Path(name) / "frames"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.jpg").write_bytes(small + number.to_bytes(4, "big"))
        # A study in time, as a capsule's is: it has events.
        reading = Reading(interval_s=0.5)
        archive(folder, Path(name) / "out", classifier, available_cpus(), reading)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _compare(what: str, ours: list[Took], theirs: list[Took]) -> None:
    shares = np.median([a.beside(b) for a, b in zip(ours, theirs, strict=True)], axis=0)
    print(
        f"of {what:12} {shares[0]:.3f} by the clock, {shares[1]:.3f} of the CPU time   "
        f"(target: at least {TARGET})"
    )


def _stills(options: argparse.Namespace, classifier: Classifier, workers: int) -> None:
    roads, jobs = [], []
    with TemporaryDirectory() as name:
        folder = Path(name) / "frames"
        write_frames(folder, options.frames, options.source)
        bare(folder, classifier, workers)  # the first walk warms the disk's cache
        for number in range(options.rounds):
            out = Path(name) / f"out-{number}"
            roads.append(timed(lambda: bare(folder, classifier, workers)))
            jobs.append(timed(lambda out=out: archive(folder, out, classifier, workers)))  # type: ignore[misc]
    print(f"{roads[0].count} frames, {workers} threads, {options.rounds} rounds; medians")
    print(f"bare road       {np.median([took.rate for took in roads]):8.1f} frames/s")
    print(f"archive         {np.median([took.rate for took in jobs]):8.1f} frames/s")
    _compare("bare road", jobs, roads)


def _video(options: argparse.Namespace, classifier: Classifier, workers: int) -> None:
    reading = Reading(every_s=options.every)
    decodings, roads, jobs = [], [], []
    with TemporaryDirectory() as name:
        path = Path(name) / "film.mp4"
        write_video(path, options.minutes)
        for number in range(options.rounds):
            out = Path(name) / f"out-{number}"
            decodings.append(timed(lambda: decoded(path)))
            pictures = decodings[0].count
            road = timed(lambda: bare_video(path, reading, classifier, workers))
            job = timed(lambda out=out: archive(path, out, classifier, workers, reading))  # type: ignore[misc]
            due = job.count
            # All are rates of the film's own pictures, however many of them are due.
            roads.append(Took(pictures, road.seconds, road.cpu_seconds))
            jobs.append(Took(pictures, job.seconds, job.cpu_seconds))
    every = "every picture" if options.every is None else f"one picture each {options.every} s"
    print(
        f"{options.minutes:g} minutes of 1920 × 1080 H.264, {pictures} pictures, {every} scored "
        f"({due}), {workers} threads, {options.rounds} rounds; medians"
    )
    for what, took in (("decoding alone", decodings), ("bare road", roads), ("archive", jobs)):
        print(f"{what:15} {np.median([one.rate for one in took]):8.1f} pictures/s")
    _compare("decoding", jobs, decodings)
    _compare("bare road", jobs, roads)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.archive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, help="by default the bundled model", metavar="DIR")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="DIR", help="take JPEGs from below this folder"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--video", action="store_true", help="measure a film, not stills")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, metavar="S", help="score one picture each S seconds")
    parser.add_argument(
        "--memory", type=int, metavar="N", help="compare the peak memory of N and 1,000 frames"
    )
    parser.add_argument("--one-job", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one_job is not None:
        _one_job(options.one_job, options.bundle)
        return
    if options.memory is not None:
        few, many = (peak_memory(n, options.bundle) for n in (1000, options.memory))
        print(f"peak memory at 1,000 frames {few:.0f} MB, at {options.memory:,} {many:.0f} MB")
        print(f"ratio      {many / few:8.3f}   (target: at most {MEMORY_TARGET})")
        return
    workers = available_cpus()
    classifier = Classifier.open(options.bundle, threads=1)
    (_video if options.video else _stills)(options, classifier, workers)


if __name__ == "__main__":
    main()
