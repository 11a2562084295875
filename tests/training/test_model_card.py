from dataclasses import replace

import pytest

from endolink.model.bundle import Bundle
from endolink.model.manifest import (
    Artifact,
    Evaluation,
    FamiliarityRule,
    Figure,
    Manifest,
    OperatingPoint,
    Provenance,
    SelfTest,
    Source,
    ValidatedInput,
    Variant,
)
from endolink.training.export import Papers
from endolink.training.model_card import PER_FINDING, model_card

FILE = Artifact("model.onnx", 1, "0" * 64)
COMMAND = (
    "endolink train --data folder:frames --out 'runs/{first}'\n"
    "endolink export runs/first --out bundle --name drawn"
)
VARIANT = Variant(
    precision="fp32",
    network=FILE,
    gated_on=("cpu",),
    temperature=1.2345,
    operating_points=(
        OperatingPoint("polyp", 0.6261, "specificity 0.95", 0.9012, 0.9523, "validation"),
        OperatingPoint("bbps-2-3", 0.0204, "most sensitive", 0.8034, 0.9545, "validation"),
    ),
    familiarity=FamiliarityRule(FILE, 0.01),
    self_test=SelfTest(7, (0.1, 0.2), 1e-3),
)
PAPERS = Papers(
    name="drawn",
    version="1.2.3",
    licence="CC-BY-4.0",
    notice="Ask before you sell it.",
    provenance=Provenance(
        sources=(Source("frames", 2345, "CC0-1.0", "Drawn et al., 2030"),),
        split_rule="fold 1 of 5, by scene",
        seeds=(41, 43),
        command=COMMAND,
        git_commit="0123abc",
        libraries={"torch": "9.8.7"},
    ),
    measured_on="the validation part",
    specificity=0.95,
    validated_input=ValidatedInput(min_side=137, jpeg_quality=31),
    evaluation=(
        Evaluation(
            "the test part",
            1390,
            251,
            (
                Figure("macro-f1", 0.9161, 0.7292, 0.9933),
                Figure("mcc", 0.9674),
                Figure("sensitivity", 0.9765, 0.9516, 0.9947, "polyp"),
                Figure("auroc", 0.9968, 0.9939, 1.0, "polyp"),
            ),
        ),
    ),
)


def _row(card: str, first: str) -> list[list[str]]:
    """Give the cells of every table row that begins with `first`."""
    rows = [line.strip("|").split("|") for line in card.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row[1:]] for row in rows if row[0].strip() == first]


def _tells(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"


def test_a_row_holds_a_findings_threshold_and_its_figures() -> None:
    card = model_card(PAPERS, VARIANT, 1217, 198)
    assert _row(card, "`polyp`") == [
        ["0.626", "0.901", "0.952", "specificity 0.95"],
        ["0.977 (0.952-0.995)", "-", "0.997 (0.994-1.000)", "-"],
    ]
    assert _row(card, "`bbps-2-3`") == [["0.020", "0.803", "0.955", "most sensitive"]]
    assert _row(card, "top finding") == [["0.916 (0.729-0.993)", "0.967"]]


def test_the_card_says_what_it_is_not_and_how_it_was_made() -> None:
    card = model_card(PAPERS, VARIANT, 1217, 198)
    assert card.startswith("# drawn 1.2.3\n")
    assert "**It is not a diagnosis,\nand not a medical device" in card
    assert f"\n```sh\n{COMMAND}\n```\n" in card
    for said in (
        "`bbps-2-3`: Clean bowel (BBPS 2-3) (view quality)",
        "**frames**, 2,345 frames, CC0-1.0. Drawn et al., 2030.",
        "Ask before you sell it.",
        "**Split.** fold 1 of 5, by scene.",
        "1,217 frames were learned from; 198 others",
        "(1.234)",
        "**the test part**: 1,390 frames in 251 groups.",
        "137 pixels on the shorter side; lowest JPEG quality:\n31.",
        "## Licence\n\nCC-BY-4.0\n",
        "Commit 0123abc, seed 41, 43; torch 9.8.7.",
    ):
        assert said in card


def test_what_is_not_known_is_said_to_be_so() -> None:
    unknown = replace(PAPERS, evaluation=(), provenance=replace(PAPERS.provenance, git_commit=None))
    card = model_card(unknown, VARIANT, 1217, 198)
    assert "## Figures\n\nNot evaluated.\n" in card
    assert "Commit unknown, " in card


@pytest.fixture(scope="module")
def bundled() -> Bundle:
    return Bundle.open()


def test_the_bundled_card_tells_the_figures_and_thresholds_of_its_manifest(
    bundled: Bundle,
) -> None:
    manifest: Manifest = bundled.manifest
    card = bundled.files[manifest.card.file].decode()
    # The table is the first variant's; another precision's thresholds stand below, with its gate.
    for point in manifest.variants[0].operating_points:
        thresholds, *_ = _row(card, f"`{point.code}`")
        assert thresholds[:3] == [
            f"{value:.3f}" for value in (point.threshold, point.sensitivity, point.specificity)
        ]
    # Of each finding the first row is its threshold's; an evaluation may not tell of all findings.
    rows = {code: iter(_row(card, f"`{code}`")[1:]) for code in manifest.findings}
    for number, evaluation in enumerate(manifest.evaluation):
        assert f"**{evaluation.measured_on}**: {evaluation.frames:,} frames" in card
        told: dict[str | None, list[str]] = {None: _row(card, "top finding")[number]}
        codes = dict.fromkeys(figure.finding for figure in evaluation.figures if figure.finding)
        told |= {code: next(rows[code]) for code in codes}
        for code, cells in told.items():
            figures = [
                figure
                for figure in evaluation.figures
                if figure.finding == code and (code is None or figure.name in PER_FINDING)
            ]
            told_cells = sorted(cell for cell in cells if cell != "-")
            assert sorted(map(_tells, figures)) == told_cells
    assert f"```sh\n{manifest.provenance.command}\n```" in card
    assert "not a diagnosis" in card
