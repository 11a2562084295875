"""A training run and its folder.

runs/first/
    config.json       every value that decided the run, and the command
    split.csv         which frame was learned from, validated on, tested on
    checkpoint.pt     to go on from, and the best epoch's network
    history.json      every epoch's losses and figures; tensorboard/ draws them
    bundle/           the network, exported and calibrated on the validation frames
    held_out.csv      that bundle's verdict on every test frame
    metrics.json      the figures of those verdicts
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import TypeAdapter

from endolink.model.bundle import Bundle
from endolink.model.classifier import Classifier
from endolink.model.errors import TrainingRefused
from endolink.model.manifest import Evaluation, Provenance, Source, ValidatedInput
from endolink.model.similarity import groups as scenes
from endolink.training import cache, distributed, outlines
from endolink.training.checkpoint import CHECKPOINT, load
from endolink.training.config import CONFIG, Config, claim, read_config
from endolink.training.datasets import DataSet, Part, Sample, open_data
from endolink.training.datasets.samples import targets, union
from endolink.training.evaluate import Scored, score, validated_input, write_table
from endolink.training.export import MOST_BYTES, Papers, check_bytes, export
from endolink.training.fit import Epoch, fit
from endolink.training.frames import Drawings, Frames
from endolink.training.groups import merge_groups
from endolink.training.metrics import Judged, figures
from endolink.training.official import split_official
from endolink.training.recipe import Recipe
from endolink.training.splits import Row, Split, read_split, split_fold, stored_parts
from endolink.training.support import thin

SPLIT, HISTORY = "split.csv", "history.json"
HELD_OUT, METRICS, BUNDLE = "held_out.csv", "metrics.json", "bundle"

DISCLAIMER = (
    "Not a diagnosis and not a medical device: the assistant points, the clinician decides."
)
_WORKING = "0.0.0+working"
OFFICIAL = "official"
"""What `Config.split` says for the data sets' own splits."""

_EVALUATION = TypeAdapter(Evaluation)
_HISTORY = TypeAdapter(tuple[Epoch, ...])


class Display(Protocol):
    """Where a run tells how far it is."""

    def stage(self, what: str, total: int) -> Callable[[int], None]:
        """Begin a stage of `total` frames; call what is given with each number finished."""

    def say(self, text: str) -> None:
        """Print a line."""


@dataclass(frozen=True, eq=False)
class Material:
    """The data of a run, walked once: samples, labels, squares and groups.

    The first `judged` samples are split; what follows is only learned from.
    """

    data: tuple[DataSet, ...]
    samples: tuple[Sample, ...]
    findings: tuple[str, ...]
    squares: Any
    groups: tuple[str, ...]
    drawings: Drawings
    judged: int

    def frames(self, rows: Sequence[int]) -> Frames:
        """Give some of the samples to learn from or to judge."""
        chosen = np.asarray(rows, np.intp)
        present, known = targets([self.samples[row] for row in rows], self.findings)
        _, numbers = np.unique(self.groups, return_inverse=True)
        return Frames(self.squares, chosen, present, known, numbers[chosen], self.drawings)


def gather(
    data: Sequence[str],
    recipe: Recipe,
    folder: Path,
    display: Display,
    also: Sequence[str] = (),
) -> Material:
    """Read the data sets, walk every frame's road, and find the groups of near-copies.

    `also` names data sets that are only learned from.
    """
    sets = tuple(open_data(spec) for spec in (*data, *also))
    judged = sum(len(item.samples) for item in sets[: len(data)])
    samples, findings = union(sets)
    done = display.stage("decode and crop", len(samples))
    cached = cache.walk(samples, recipe.preprocess, folder, done)
    descriptors = np.asarray(cached.descriptors)
    found = scenes(descriptors[:judged])
    # A rendered frame may look like a real one; it is no copy of it.
    apart = scenes(descriptors[judged:]) + len(samples) if also else found[:0]
    groups = merge_groups(samples, [*found.tolist(), *apart.tolist()])
    display.say(f"{len(samples):,} frames in {len(set(groups)):,} groups of near-copies")
    drawings = _drawings(samples, findings, recipe, folder, display)
    return Material(sets, samples, findings, cached.squares, groups, drawings, judged)


def _drawings(
    samples: Sequence[Sample],
    findings: Sequence[str],
    recipe: Recipe,
    folder: Path,
    display: Display,
) -> Drawings:
    """Walk the frames again, finer, and the outlines of the first finding that has any."""
    fine = replace(recipe.preprocess, size=recipe.detail)
    cached = cache.walk(samples, fine, folder, display.stage("decode, finer", len(samples)))
    outlined = [code for code in findings if any(code in item.outlines for item in samples)]
    if not outlined:
        nowhere = np.broadcast_to(np.uint8(0), cached.squares.shape[:3])
        return Drawings(cached.squares, nowhere, np.zeros(len(samples), bool), None)
    lesion, key = outlined[0], cache.name_of(samples, fine)
    done = display.stage(f"outlines of {lesion}", len(samples))
    traced = np.array([lesion in item.outlines for item in samples])
    drawn = outlines.walk(samples, lesion, fine, folder, key=key, progress=done)
    return Drawings(cached.squares, drawn, traced, findings.index(lesion))


def train(config: Config, material: Material, folder: Path, display: Display) -> Evaluation:
    """Do one run, or what is left of it: split, fit, export, evaluate on the held-out frames.

    Raises
    ------
    TrainingRefused
        `folder` holds several runs, or one that was configured otherwise or split otherwise.
    SplitLeak, DataError, ExportRefused
        As the steps say.
    """
    with distributed.leader_first():
        _refuse_series(folder)
        make_folder(folder)
        claim(folder, config)
    if (folder / METRICS).is_file():
        display.say(f"{folder} is finished already")
        return read_metrics(folder)
    split = _split(config, material)
    _refuse_other_split(folder, split)
    # Nobody writes the split while another process still compares.
    distributed.wait()
    if distributed.leads():
        split.write(folder / SPLIT)
    counts = ", ".join(f"{count:,} {part}" for part, count in split.counts().items())
    display.say(f"split: {counts}")
    if warning := split.warning:
        display.say(warning)

    recipe = config.recipe
    training = material.frames(split.indices("train"))
    validation = material.frames(split.indices("validation"))
    _refuse_nothing_to_tell(training)
    size = training.epoch_size(recipe.burst)
    done = display.stage("fine-tune", size * recipe.epochs)
    seen = 0

    def progress(epoch: int, frames: int, _: float) -> None:
        nonlocal seen
        now = epoch * size + frames
        done(now - seen)
        seen = now

    fitted = fit(
        recipe,
        material.findings,
        training,
        validation,
        folder=folder,
        progress=progress,
        finished=lambda epoch: display.say(_line(epoch)),
    )
    if distributed.leads():
        (folder / HISTORY).write_bytes(_HISTORY.dump_json(fitted.history, indent=2) + b"\n")
        display.say(f"best is epoch {fitted.best_epoch + 1}; export")
        conclude(folder, material, split, display)
    distributed.wait()
    return read_metrics(folder)


def conclude(folder: Path, material: Material, split: Split, display: Display) -> None:
    """Export the network of the run in `folder`, and measure it on the held-out frames."""
    bundle = make_bundle(
        folder, material, folder / BUNDLE, name="working", version=_WORKING, most_bytes=None
    )
    scored = score_part(bundle, material, split, "test", display)
    write_table(scored, folder / HELD_OUT)
    judged = scored.judged()
    for line in thin(judged):
        display.say(f"note: {line}")
    evaluation = measure(judged, f"test part of {_rule(read_config(folder))}")
    (folder / METRICS).write_bytes(_EVALUATION.dump_json(evaluation, indent=2) + b"\n")


def make_bundle(
    run: Path,
    material: Material,
    folder: Path,
    *,
    name: str,
    version: str,
    licence: str = "Apache-2.0",
    command: str | None = None,
    evaluation: tuple[Evaluation, ...] = (),
    validated: ValidatedInput | None = None,
    most_bytes: int | None = MOST_BYTES,
) -> Bundle:
    """Export the best network of the run in folder `run` as a bundle in `folder`.

    Raises
    ------
    TrainingRefused
        The run has no finished epoch.
    ExportRefused
        The exported graph is not the network, or larger than `most_bytes`.
    """
    config = read_config(run)
    recipe, findings, network = load(run / CHECKPOINT)
    split = read_split(run / SPLIT, material.samples)
    notices = [item.notice for item in material.data if item.notice]
    papers = Papers(
        name=name,
        version=version,
        licence=licence,
        notice=" ".join([*notices, DISCLAIMER]),
        provenance=Provenance(
            sources=tuple(
                Source(item.name, len(item.samples), item.licence, item.citation)
                for item in material.data
            ),
            split_rule=_rule(config),
            seeds=config.seeds,
            command="\n".join(filter(None, [config.command, command])),
            git_commit=config.git_commit,
            libraries=config.libraries,
        ),
        measured_on=f"the validation part of {_rule(config)}",
        specificity=config.specificity,
        sensitivity=config.sensitivity,
        # Nothing is vouched for until it is measured: full size, uncompressed.
        validated_input=validated or ValidatedInput(min_side=1024, jpeg_quality=100),
        evaluation=evaluation,
    )
    return export(
        recipe,
        findings,
        network,
        training=material.frames(split.indices("train")),
        validation=material.frames(split.indices("validation")),
        papers=papers,
        folder=folder,
        most_bytes=most_bytes,
    )


def finish(
    run: Path,
    material: Material,
    folder: Path,
    display: Display,
    *,
    name: str,
    version: str,
    licence: str,
    command: str,
    further: Sequence[Evaluation] = (),
) -> Bundle:
    """Make the bundle that is given away: with its figures, and the poorest input that passed.

    `further` figures, as those of a cross-validation, stand beside the run's own.

    Raises
    ------
    TrainingRefused
        The run is not finished.
    ExportRefused
        Its graph is larger than a bundle's may be; this is said before the work.
    """
    evaluation = [read_metrics(run), *further]
    split = read_split(run / SPLIT, material.samples)
    bundle = Bundle.open(run / BUNDLE)
    check_bytes(bundle.files[bundle.manifest.variant("fp32").network.file])
    display.say("stress the held-out frames: size and compression")
    scored = score_part(bundle, material, split, "test", display)
    validated = validated_input(Classifier.open(bundle.path), scored)
    return make_bundle(
        run,
        material,
        folder,
        name=name,
        version=version,
        licence=licence,
        command=command,
        evaluation=tuple(evaluation),
        validated=validated,
    )


def score_part(
    bundle: Bundle, material: Material, split: Split, part: Part, display: Display
) -> Scored:
    """Score one part of a split with a bundle, from the files' bytes."""
    rows = split.indices(part)
    return score(
        Classifier.open(bundle.path),
        [material.samples[row] for row in rows],
        [split.rows[row].group for row in rows],
        display.stage("score held-out frames", len(rows)),
    )


def measure(judged: Judged, measured_on: str) -> Evaluation:
    """Write the figures of judged frames down, with what they were measured on."""
    return Evaluation(measured_on, len(judged), len(set(judged.groups)), figures(judged))


def read_metrics(run: Path) -> Evaluation:
    """Read the figures of a finished run.

    Raises
    ------
    TrainingRefused
        The run is not finished.
    """
    try:
        return _EVALUATION.validate_json((run / METRICS).read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingRefused(
            f"{run} is not a finished run: no {METRICS} of one split; let `endolink train` finish"
        ) from error


def make_folder(folder: Path) -> None:
    """Make the folder of a run.

    Raises
    ------
    TrainingRefused
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingRefused(
            f"--out {folder}: no folder can be there: {error.strerror}; choose another"
        ) from error


def _refuse_nothing_to_tell(training: Frames) -> None:
    """Refuse frames that teach no difference: a network that always says yes would be right."""
    if not (training.known & ~training.present).any():
        raise TrainingRefused(
            "every frame that is learned from shows every finding that is decided in it: there is "
            "nothing to tell it from. Add frames without it, as in a folder `none`"
        )


def _refuse_series(folder: Path) -> None:
    if (folder / METRICS).is_file() and not (folder / CONFIG).is_file():
        raise TrainingRefused(f"{folder} holds several runs; choose another --out for a single one")


def _refuse_other_split(folder: Path, split: Split) -> None:
    """Refuse to go on where the parts are not those that the checkpoint learned with.

    Frames that came or went since, or another split in the same file, deal the groups anew: what
    was learned from would then be tested on.
    """
    if not ((folder / CHECKPOINT).is_file() and (folder / SPLIT).is_file()):
        return
    before, now = stored_parts(folder / SPLIT), {row.file: row.part for row in split.rows}
    if before == now:
        return
    new, gone = len(now.keys() - before.keys()), len(before.keys() - now.keys())
    moved = sum(before.get(file) not in {None, part} for file, part in now.items())
    raise TrainingRefused(
        f"{folder} was begun with another split: {new:,} frames are new, {gone:,} are gone, "
        f"{moved:,} would change their part, and what was learned from could be tested on. Put "
        "data and split back as they were, choose another --out, or delete the folder"
    )


def _split(config: Config, material: Material) -> Split:
    count = material.judged
    samples, groups = material.samples[:count], material.groups[:count]
    if config.split not in {None, OFFICIAL}:
        path = Path(str(config.split))
        beside = {sample.file for sample in material.samples[count:]}
        # A run's own split.csv lists what was only learned from; `endolink data split` does not.
        if not beside or beside & stored_parts(path).keys():
            return read_split(path, material.samples, material.groups)
        split = read_split(path, samples, groups)
    elif config.split == OFFICIAL:
        split = split_official(samples, groups, fold=config.fold, seed=config.split_seed)
    else:
        split = split_fold(
            samples, groups, count=config.folds, fold=config.fold, seed=config.split_seed
        )
    learned = tuple(
        Row(sample.file, sample.label, group, "train")
        for sample, group in zip(material.samples[count:], material.groups[count:], strict=True)
    )
    return replace(split, rows=split.rows + learned)


def _rule(config: Config) -> str:
    if config.split == OFFICIAL:
        return "the data sets' own split, which may separate twins"
    if config.split is not None:
        return "a split that was given"
    return (
        f"fold {config.fold + 1} of {config.folds} (groups of near-identical frames kept whole, "
        f"stratified, seed {config.split_seed})"
    )


def _line(epoch: Epoch) -> str:
    return (
        f"epoch {epoch.epoch + 1}: loss {epoch.loss:.3f}, validation {epoch.validation_loss:.3f}, "
        f"macro-F1 {epoch.macro_f1:.3f}, MCC {epoch.mcc:.3f}, {epoch.seconds:.0f} s"
    )
