"""MODEL_CARD.md: what a person must know before they use a bundle."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from endolink.model.findings import finding
from endolink.model.manifest import (
    Evaluation,
    Figure,
    OperatingPoint,
    Source,
    ValidatedInput,
    Variant,
)

if TYPE_CHECKING:
    from endolink.training.export import Papers

PER_FINDING = ("sensitivity", "specificity", "auroc", "ece")

_CARD = """\
# {name} {version}

An assistant that points at what may be a finding in an endoscopy frame. **It is not a diagnosis,
and not a medical device: the clinician decides.**

## Intended use

Research, teaching and the building of viewers: to draw a clinician's eye to a frame or a place in
it. Not to rule a disease out, not to choose a treatment, not to be used on a patient without a
clinician who looks at the same picture.

## What it says

{findings}

Each finding has a probability of its own; none, one or several may be present. A finding is called
present at or above its threshold, chosen on {measured_on}.

{points}

## Data

{sources}

{notice}

**Split.** {split_rule}.

{training} frames were learned from; {validation} others chose the best epoch, the temperature
({temperature:.3f}) and the thresholds. None of them is among the test part below.

## Figures

{evaluation}

Intervals are 95 %, from a bootstrap that resamples groups of near-identical frames, not frames.
Sensitivity and specificity are at the thresholds above; `ece` is the expected calibration error.

{validated}

## Limits

- The labels give a frame one class. A polyp's frame also shows a bowel that is clean or not, and
  the network was taught that it is neither.
- The frames come from few centres, scopes and processors, without patient identities. Expect worse
  on others; `familiar` says when a frame looks unlike those that were learned from.
- A finding that was seen in few scenes (see the widths of the intervals) is known poorly.
- Still frames were chosen by people for what they show. In a video most frames are poorer, and
  figures per frame say little about false alarms a minute.

## Licence

{licence}

## How it was made

```sh
{command}
```

Commit {commit}, seed {seeds}; {libraries}.
"""


def model_card(papers: "Papers", variant: Variant, training: int, validation: int) -> str:
    """Write the card of a bundle; `training` and `validation` are counts of frames."""
    provenance = papers.provenance
    return _CARD.format(
        name=papers.name,
        version=papers.version,
        findings="\n".join(_finding(point.code) for point in variant.operating_points),
        measured_on=papers.measured_on,
        points=_points(variant.operating_points),
        sources="\n\n".join(_source(source) for source in provenance.sources),
        notice=papers.notice,
        split_rule=provenance.split_rule,
        training=f"{training:,}",
        validation=f"{validation:,}",
        temperature=variant.temperature,
        evaluation="\n\n".join(map(evaluation_table, papers.evaluation)) or "Not evaluated.",
        validated=validated_line(papers.validated_input),
        licence=papers.licence,
        command=provenance.command,
        commit=provenance.git_commit or "unknown",
        seeds=", ".join(map(str, provenance.seeds)),
        libraries=", ".join(f"{name} {version}" for name, version in provenance.libraries.items()),
    )


def validated_line(validated: ValidatedInput) -> str:
    """Say the poorest input that was found to be judged alike."""
    return (
        f"Smallest input found to be judged alike: {validated.min_side} pixels on the shorter "
        f"side; lowest JPEG quality:\n{validated.jpeg_quality}."
    )


def _finding(code: str) -> str:
    known = finding(code)
    return f"- `{code}`: {known.label} ({known.kind.replace('-', ' ')})"


def _points(points: tuple[OperatingPoint, ...]) -> str:
    rows = [
        f"| `{point.code}` | {point.threshold:.3f} | {point.sensitivity:.3f} "
        f"| {point.specificity:.3f} | {point.rule} |"
        for point in points
    ]
    columns = ("finding", "threshold", "sensitivity", "specificity", "rule")
    return "\n".join([*_head(columns), *rows])


def _head(columns: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]


def _source(source: Source) -> str:
    return f"**{source.name}**, {source.frames:,} frames, {source.licence}. {source.citation}."


def evaluation_table(evaluation: Evaluation) -> str:
    """Write an evaluation's figures as Markdown tables: of the top finding, and of each."""
    overall = [figure for figure in evaluation.figures if figure.finding is None]
    codes = list(dict.fromkeys(f.finding for f in evaluation.figures if f.finding is not None))
    table = {(figure.finding, figure.name): figure for figure in evaluation.figures}
    counts = f"{evaluation.frames:,} frames in {evaluation.groups:,} groups"
    lines = [f"**{evaluation.measured_on}**: {counts}.", ""]
    lines += _head(["", *(figure.name for figure in overall)])
    lines.append("| top finding | " + " | ".join(map(_value, overall)) + " |")
    if codes:
        lines += ["", *_head(["finding", *PER_FINDING])]
    for code in codes:
        cells = [_value(table.get((code, name))) for name in PER_FINDING]
        lines.append(f"| `{code}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _value(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"
