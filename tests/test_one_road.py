"""The same bytes give the same verdict, whichever way they came."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from endolink import sample_data
from endolink.model.classifier import Classifier
from endolink.model.preprocess import Preprocess, normalise
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from endolink.training.cache import cut
from endolink.training.datasets.samples import Sample
from endolink.training.evaluate import score
from tests.serving.service import serve


def _sample(path: Path) -> Sample:
    return Sample(path, path.name, frozenset({"polyp"}), frozenset({"polyp"}))


def _evaluated(paths: list[Path]) -> NDArray[np.float64]:
    classifier = Classifier.open(provider="cpu", threads=1)
    verdicts = score(classifier, [_sample(path) for path in paths], groups=["one"] * len(paths))
    return np.array([[item.probability for item in v.findings] for v in verdicts.verdicts])


def _posted(paths: list[Path]) -> NDArray[np.float64]:
    settings = Settings(port=0, provider="cpu", threads=1)
    with (
        serve(settings, Models.open(settings)) as running,
        httpx.Client(base_url=running.url, timeout=30) as client,
    ):
        answers = [client.post("/v1/frames", content=path.read_bytes()) for path in paths]
    return np.array([[item["probability"] for item in a.json()["findings"]] for a in answers])


def _scored(paths: list[Path]) -> NDArray[np.float64]:
    endolink = Path(sys.executable).with_name("endolink")
    command = [str(endolink), "score", "--format", "jsonl", "--provider", "cpu", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(line["path"]) for line in lines] == paths
    return np.array([[item["probability"] for item in line["findings"]] for line in lines])


def _agree(paths: list[Path]) -> None:
    evaluated = _evaluated(paths)
    assert np.abs(_posted(paths) - evaluated).max() <= 1e-6
    assert np.abs(_scored(paths) - evaluated).max() <= 1e-6


def test_rendered_frames_get_one_verdict_from_every_door() -> None:
    _agree(sample_data.frames())


@pytest.mark.shared
def test_real_frames_get_one_verdict_from_every_door(shared: Path) -> None:
    """On 200 frames: the command line, HTTP and evaluation, to 1e-6."""
    paths = sorted((shared / "data/hyper-kvasir/labeled-images").rglob("*.jpg"))[::9][:200]
    assert len(paths) == 200
    _agree(paths)


def test_the_trainer_sees_the_services_tensor_bit_for_bit() -> None:
    classifier = Classifier.open(provider="cpu", threads=1)
    preprocess: Preprocess = classifier.bundle.manifest.preprocess
    for path in sample_data.frames():
        square, _ = cut(_sample(path), preprocess)
        trained = normalise(square[:, :, :3], preprocess)
        served = classifier.prepare(path.read_bytes()).tensor
        assert (trained == served).all()
