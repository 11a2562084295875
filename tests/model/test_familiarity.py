import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from endolink.model.familiarity import Familiarity


@pytest.fixture(scope="module")
def rule() -> Familiarity:
    return Familiarity.fit(_near(400, seed=0), _near(400, seed=1), dimensions=8)


def _near(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(size=(5, 64))
    return 3.0 + rng.normal(size=(count, 5)) @ basis * 0.1 + rng.normal(size=(count, 64)) * 0.01


def test_usual_frames_are_rejected_at_the_stated_rate(rule: Familiarity) -> None:
    fresh = rule.score(_near(4000, seed=2))
    assert np.mean(fresh < 0.05) == pytest.approx(0.05, abs=0.025)


def test_strange_frames_are_less_familiar_than_all_but_a_few(rule: Familiarity) -> None:
    strange = 3.0 + np.random.default_rng(3).normal(size=(100, 64)) * 0.3
    assert (rule.score(strange) < 0.01).all()


def test_the_length_of_an_embedding_matters_unless_it_is_normalised(rule: Familiarity) -> None:
    rows = _near(5, seed=4)
    assert (rule.distance(rows * 7.0) > 10 * rule.distance(rows)).all()
    unit = replace(rule, normalised=True)
    assert unit.distance(rows) == pytest.approx(unit.distance(rows * 7.0))


def test_a_rule_from_before_the_choice_is_normalised(rule: Familiarity) -> None:
    parts = dict(np.load(io.BytesIO(rule.to_bytes())))
    assert not Familiarity.from_bytes(rule.to_bytes()).normalised
    del parts["normalised"]
    buffer = io.BytesIO()
    np.savez(buffer, **parts)
    assert Familiarity.from_bytes(buffer.getvalue()).normalised


def test_it_is_read_back_as_it_was_written(rule: Familiarity) -> None:
    rows = _near(50, seed=5)
    assert (Familiarity.from_bytes(rule.to_bytes()).score(rows) == rule.score(rows)).all()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", b"not an archive"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not the statistics"):
        Familiarity.from_bytes(data)


def test_a_zero_embedding_has_a_finite_distance(rule: Familiarity) -> None:
    assert np.isfinite(rule.distance(np.zeros((1, 64)))).all()


def test_an_array_that_is_shorter_than_its_header_says_takes_no_memory(rule: Familiarity) -> None:
    parts = dict(np.load(io.BytesIO(rule.to_bytes())))
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n"
    vast = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, part in parts.items():
            held = io.BytesIO()
            np.save(held, part)
            packed.writestr(f"{name}.npy", vast if name == "mean" else held.getvalue())
    with pytest.raises(ValueError, match="not as long as its header says"):
        Familiarity.from_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("name", "part", "why"),
    [
        ("mean", np.zeros(3, np.float32), "do not fit"),
        ("distances", np.zeros(0, np.float32), "do not fit"),
        ("variances", np.full(8, -1.0, np.float32), "not above 0"),
        ("mean", np.full(64, np.nan, np.float32), "no number"),
        ("mean", np.zeros(9_000_000, np.float64), "more than 67,108,864 bytes"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    rule: Familiarity, name: str, part: np.ndarray, why: str
) -> None:
    parts = dict(np.load(io.BytesIO(rule.to_bytes())))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{**parts, name: part})
    with pytest.raises(ValueError, match=why):
        Familiarity.from_bytes(buffer.getvalue())
