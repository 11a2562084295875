from pathlib import Path

import numpy as np
import pytest

from endolink.model.classifier import Classifier
from endolink.model.errors import DataError
from endolink.training.evaluate import (
    Agreement,
    Scored,
    read_table,
    reduced_decode,
    score,
    validated_input,
    write_table,
)
from endolink.training.run import BUNDLE, HELD_OUT, Material
from tests.training.pictures import sample


@pytest.fixture(scope="module")
def classifier(finished: Path) -> Classifier:
    return Classifier.open(finished / "fold-0" / BUNDLE, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def scored(classifier: Classifier, material: Material) -> Scored:
    return score(classifier, material.samples[::3])


def test_evaluation_says_what_the_service_says(classifier: Classifier, scored: Scored) -> None:
    for item, verdict in zip(scored.samples, scored.verdicts, strict=True):
        (served,) = classifier.score([item.path.read_bytes()])
        assert served.frame.sha256 == verdict.frame.sha256
        for mine, theirs in zip(verdict.findings, served.findings, strict=True):
            assert mine.probability == pytest.approx(theirs.probability, abs=1e-6)


def test_without_a_split_groups_are_found_by_resemblance(
    classifier: Classifier, material: Material
) -> None:
    twice = [material.samples[0], material.samples[0], material.samples[20]]
    groups = score(classifier, twice).groups
    assert groups[0] == groups[1] != groups[2]


def test_a_table_is_read_back(scored: Scored, material: Material, tmp_path: Path) -> None:
    write_table(scored, tmp_path / "table.csv")
    judged, again = scored.judged(), read_table(tmp_path / "table.csv", material.samples)
    assert again.findings == judged.findings
    assert again.groups == judged.groups
    assert np.array_equal(again.called, judged.called)
    assert np.array_equal(again.present, judged.present)
    assert np.allclose(again.probabilities, judged.probabilities, atol=1e-8)
    with pytest.raises(DataError, match="is not in the data"):
        read_table(tmp_path / "table.csv", material.samples[:1])


def test_a_run_leaves_such_a_table(finished: Path, material: Material) -> None:
    tables = [read_table(finished / f"fold-{k}" / HELD_OUT, material.samples) for k in range(2)]
    assert sum(len(table) for table in tables) == len(material.samples)


def test_a_changed_verdict_is_counted(classifier: Classifier, scored: Scored) -> None:
    # Verdicts of other frames: what is counted must be the difference, frame by frame.
    shifted = Scored(scored.samples, scored.verdicts[4:] + scored.verdicts[:4], scored.groups)
    tops = [verdict.top.code for verdict in scored.verdicts]
    moved = tops[4:] + tops[:4]
    expected = sum(one != other for one, other in zip(tops, moved, strict=True))
    assert reduced_decode(classifier, scored).changed == 0
    assert reduced_decode(classifier, shifted).changed == expected


def test_validated_input_is_no_larger_than_the_frames(
    classifier: Classifier, scored: Scored
) -> None:
    validated = validated_input(classifier, scored)
    assert validated.min_side <= 128
    assert 30 <= validated.jpeg_quality <= 100


def test_a_share_of_no_frames_is_none() -> None:
    assert Agreement("x", 0, 0).share == 0.0
    assert Agreement("x", 4, 1).share == 0.25


def test_a_file_that_cannot_be_read_is_named(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"bad\.jpg: "):
        score(classifier, [sample(str(tmp_path / "bad.jpg"))])
