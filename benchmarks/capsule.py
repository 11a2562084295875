"""What a capsule study's shortlist saves its reader, and what share of the true findings it keeps.

    python -m benchmarks.capsule [--frames 50000] [--data DIR] [--bundle DIR] [--seed N]

Nobody has published a whole study that is labelled frame by frame, so one is made: of the frames of
WCEBleedGen that the bundle was tested on and has not learned from. The split is made again from the
rule in the bundle's manifest, and refused where it is not the one that was tested on. A capsule
drifts: every frame is shown again and again, each time a little turned, moved, nearer, and lit
otherwise. Frames without bleeding, in another order each time, fill the study, 5 to 60 pictures
each; every scene that bleeds (near-identical frames) is hidden in it once, as a burst of 4 to 20
pictures. Then the study is scored by the whole job that `endolink score --interval 0.5` does.

A burst is kept where at least one of its frames is on the shortlist: that is the frame at which a
reader stops. Frames of the study stay in a temporary folder.
"""

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
from PIL import Image

from endolink.model.classifier import Classifier
from endolink.model.frame import decode
from endolink.model.manifest import Manifest
from endolink.model.runtime import available_cpus
from endolink.model.similarity import describe, groups
from endolink.model.verdict import Verdict
from endolink.model.view import find_view
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sources import find
from endolink.serving.archive.study import StudyResult
from endolink.training.datasets import open_data, union
from endolink.training.datasets.samples import Part
from endolink.training.dealing import make_split

REPOSITORY = Path(__file__).parents[1]
DATA = REPOSITORY.parent / "shared/data/wce-bleed-gen"
BUNDLE = REPOSITORY / "model/bundles/capsule"
CLASSES = ("bleeding", "non-bleeding")
TARGET = 0.10
INTERVAL_S = 0.5  # a capsule takes two pictures a second
_DWELL = 5, 60  # pictures of one place without bleeding
_BURST = 4, 20  # pictures of a burst
_RULE = re.compile(r"fold (\d+) of (\d+) \(groups .* seed (\d+)\)")


@dataclass(frozen=True)
class HeldOut:
    """Frames that were not learned from: bursts of bleeding, scene by scene, and the others."""

    bursts: tuple[tuple[Path, ...], ...]
    normal: tuple[Path, ...]


@dataclass(frozen=True)
class Shown:
    """One frame of the made study: its source, and the number of its burst, if it is of one."""

    path: Path
    burst: int | None


class _Quiet:
    def stage(self, what: str, total: int | None) -> Callable[[int], None]:  # noqa: ARG002
        return lambda _: None


def held_out(data: Path, manifest: Manifest, cache: Path, part: Part = "test") -> HeldOut:
    """Find the frames that the bundle was tested on, or another part of the split.

    Raises ValueError where it was tested on others.
    """
    rule = _RULE.match(manifest.provenance.split_rule)
    if rule is None:
        raise ValueError(f"this split cannot be made again: {manifest.provenance.split_rule}")
    fold, folds, seed = map(int, rule.groups())
    spec = f"wce-bleed-gen:{data}"
    split = make_split(
        [spec],
        cache,
        _Quiet(),
        folds=folds,
        fold=fold - 1,
        seed=seed,
        official=False,
        preprocess=manifest.preprocess,
    )
    paths = {sample.file: sample.path for sample in union([open_data(spec)])[0]}
    tested = [split.rows[index] for index in split.indices("test")]
    measured = manifest.evaluation[0]
    if (len(tested), len({row.group for row in tested})) != (measured.frames, measured.groups):
        raise ValueError("the split is not the one that the bundle was tested on")
    rows = tested if part == "test" else [split.rows[index] for index in split.indices(part)]
    bleeding, normal = (
        [paths[row.file] for row in rows if (row.finding == "bleeding") == bleeds]
        for bleeds in (True, False)
    )
    # The split's groups chain scenes through frames that do not bleed: these are by themselves.
    frames = (decode(path.read_bytes()) for path in bleeding)
    scenes = groups(np.stack([describe(frame, find_view(frame)) for frame in frames]))
    bursts: dict[int, list[Path]] = defaultdict(list)
    for path, scene in zip(bleeding, scenes.tolist(), strict=True):
        bursts[scene].append(path)
    return HeldOut(tuple(map(tuple, bursts.values())), tuple(normal))


def plan(frames: HeldOut, count: int, rng: np.random.Generator) -> list[Shown]:
    """Lay out a study of `count` frames: a long normal run, and in it every burst once."""
    bursts = []
    for number, paths in enumerate(frames.bursts):
        pictures = int(rng.integers(*_BURST, endpoint=True))
        # A scene of several frames is shown in their order, each as long as the others.
        steps = np.arange(pictures) * len(paths) // pictures
        bursts.append([Shown(paths[step], number) for step in steps])
    normal = count - sum(map(len, bursts))
    if normal < count / 2:
        raise ValueError(f"{count} frames are no long run for {len(bursts)} bursts of bleeding")
    run: list[Shown] = []
    while len(run) < normal:
        for index in rng.permutation(len(frames.normal)):
            run += [Shown(frames.normal[index], None)] * int(rng.integers(*_DWELL, endpoint=True))
    del run[normal:]
    # From the end, so that no burst is laid into another.
    places = sorted(rng.integers(0, len(run), len(bursts)), reverse=True)
    for at, burst in zip(places, rng.permutation(len(bursts)), strict=True):
        run[at:at] = bursts[burst]
    return run


def drift(shown: Sequence[Shown], rng: np.random.Generator) -> Iterator[bytes]:
    """Give each frame as a JPEG, as a capsule that drifts might see it."""
    pictures: dict[Path, Image.Image] = {}
    turn, at = 0.0, np.zeros(2)
    for one in shown:
        if one.path not in pictures:
            with Image.open(one.path) as image:
                pictures[one.path] = image.convert("RGB")
        picture = pictures[one.path]
        turn = float(np.clip(turn + rng.normal(0, 1.5), -15, 15))
        at = np.clip(at + rng.normal(0, 0.004, 2), -0.04, 0.04)
        nearer = float(rng.uniform(1.0, 1.06))
        centre = np.array(picture.size) / 2
        cos, sin = np.cos(np.deg2rad(turn)) / nearer, np.sin(np.deg2rad(turn)) / nearer
        back = centre - np.array([[cos, sin], [-sin, cos]]) @ centre + at * picture.size
        matrix = (cos, sin, float(back[0]), -sin, cos, float(back[1]))
        moved = picture.transform(
            picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        light = float(rng.uniform(0.85, 1.15))
        out = BytesIO()
        moved.point([min(255, round(level * light)) for level in range(256)] * 3).save(
            out, "JPEG", quality=90
        )
        yield out.getvalue()


class _Keeping:
    """A sink that keeps the study it is given."""

    result: StudyResult | None = None

    def write(self, result: StudyResult, _: Path) -> None:
        self.result = result


@dataclass(frozen=True)
class Read:
    """What came of a study: `kept` of the `bursts`, and how many frames are to be looked at."""

    frames: int
    bleeding: int
    bursts: int
    kept: int
    key_frames: int
    shortlist: int
    seen: int
    false: int
    seconds: float

    @property
    def saved(self) -> float:
        """The share of the frames that a reader of the shortlist need not look at."""
        return 1 - self.shortlist / self.frames


def read(shown: Sequence[Shown], classifier: Classifier, rng: np.random.Generator) -> Read:
    """Score a study with the whole job, and compare its shortlist with what is known."""
    keeping = _Keeping()
    with TemporaryDirectory() as name:
        folder = Path(name) / "study"
        folder.mkdir()
        for number, data in enumerate(drift(shown, rng)):
            (folder / f"{number:06}.jpg").write_bytes(data)
        reading = Reading(interval_s=INTERVAL_S)
        workers = available_cpus()
        job = Job(Path(name) / "out", classifier, {"kept": keeping}, reading, workers=workers)
        start = time.perf_counter()
        passes = [0, 0]
        with job.open_ledger(resume=False) as ledger:
            for _ in run(job, ledger, find([str(folder)]), Unwritten()):
                pass
            seconds = time.perf_counter() - start
            result = keeping.result
            assert result is not None
            assert result.scored == len(shown)
            for frame in result.frames:
                assert isinstance(frame.outcome, Verdict)
                passes[shown[frame.number].burst is not None] += frame.outcome.top.present
    found = {shown[number].burst for number in result.shortlist} - {None}
    return Read(
        frames=len(shown),
        bleeding=sum(one.burst is not None for one in shown),
        bursts=len({one.burst for one in shown} - {None}),
        kept=len(found),
        key_frames=len(result.key_frames),
        shortlist=len(result.shortlist),
        seen=passes[True],
        false=passes[False],
        seconds=seconds,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a study, score it, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capsule",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, metavar="DIR")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/endolink")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--part",
        choices=get_args(Part),
        default="test",
        help="whose frames; rules of the shortlist are made on `validation`",
    )
    options = parser.parse_args(arguments)
    classifier = Classifier.open(options.bundle, threads=1)
    frames = held_out(options.data, classifier.bundle.manifest, options.cache, options.part)
    rng = np.random.default_rng(options.seed)
    came = read(plan(frames, options.frames, rng), classifier, rng)
    print(
        f"{came.frames:,} frames ({came.frames * INTERVAL_S / 3600:.1f} h), scored in "
        f"{came.seconds:,.0f} s; {came.bleeding:,} bleed, in {came.bursts} bursts"
    )
    print(
        f"at the threshold {came.seen / came.bleeding:.1%} of the bleeding frames, "
        f"{came.false / (came.frames - came.bleeding):.2%} of the others"
    )
    print(
        f"shortlist       {came.shortlist:,} frames, {came.shortlist / came.frames:.2%}   "
        f"(target: at most {TARGET:.0%}); a reader is saved {came.saved:.1%} of the frames"
    )
    print(
        f"bursts kept     {came.kept} of {came.bursts}, {came.kept / came.bursts:.1%}   "
        "(target: every one)"
    )


if __name__ == "__main__":
    main()
