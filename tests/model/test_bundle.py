import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endolink.model.bundle import BUNDLED, Bundle, describe, self_test_input
from endolink.model.errors import (
    BundleInvalid,
    BundleMissing,
    BundleSelfTestFailed,
    BundleTampered,
)
from tests.bundles import tiny_network


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def _edit(folder: Path, network: bytes | None = None, **self_test: Any) -> None:
    """Change a bundle the way its maker could: the manifest fits the files again."""
    tree = json.loads((folder / "manifest.json").read_text())
    variant = tree["variants"][0]
    variant["self_test"] |= self_test
    if network is not None:
        (folder / "model.onnx").write_bytes(network)
        artifact = describe("model.onnx", network)
        variant["network"] |= {"sha256": artifact.sha256, "size": artifact.size}
    (folder / "manifest.json").write_text(json.dumps(tree))


def test_a_bundle_opens_and_runs(tiny: Path) -> None:
    bundle = Bundle.open(tiny)
    assert set(bundle.files) == {"model.onnx", "familiarity.npz", "MODEL_CARD.md"}
    assert bundle.digest.startswith("sha256:")
    session = bundle.session(bundle.manifest.variants[0], provider="cpu")
    assert session.run(self_test_input(1, 64))["logits"].shape == (1, 3)


def test_the_built_in_bundle_opens_without_a_path() -> None:
    bundle = Bundle.open()
    assert bundle.path == BUNDLED
    assert bundle.manifest.name == "colonoscopy"
    codes = ("polyp", "cecum", "bbps-2-3", "bbps-0-1", "impacted-stool")
    assert bundle.manifest.findings == codes
    bundle.session(bundle.manifest.variants[0], provider="cpu")


def test_no_bundle_is_said_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match=tmp_path.name):
        Bundle.open(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "familiarity.npz", "MODEL_CARD.md"])
def test_one_flipped_bit_in_any_file_is_refused(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleTampered, match=name):
        Bundle.open(copy)


@pytest.mark.parametrize("change", ["longer", "shorter", "missing"])
def test_a_file_of_another_length_is_refused(copy: Path, change: str) -> None:
    network = copy / "model.onnx"
    data = network.read_bytes()
    if change == "missing":
        network.unlink()
    else:
        network.write_bytes(data + b"\0" if change == "longer" else data[:-1])
    with pytest.raises(BundleTampered, match=r"model\.onnx"):
        Bundle.open(copy)


def test_right_bytes_with_wrong_numbers_are_refused(copy: Path) -> None:
    _edit(copy, logits=[9.0, 9.0, 9.0])
    bundle = Bundle.open(copy)
    with pytest.raises(BundleSelfTestFailed, match="a logit is off by"):
        bundle.session(bundle.manifest.variants[0], provider="cpu")


def test_a_graph_without_an_output_is_refused(copy: Path) -> None:
    _edit(copy, tiny_network(64, 0, outputs=("logits", "embedding")))
    bundle = Bundle.open(copy)
    with pytest.raises(BundleInvalid, match="no output activation"):
        bundle.session(bundle.manifest.variants[0], provider="cpu")


def test_the_digest_names_the_whole_bundle(tiny: Path, copy: Path) -> None:
    assert Bundle.open(copy).digest == Bundle.open(tiny).digest
    manifest = copy / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"For tests.", b"For tests!"))
    assert Bundle.open(copy).digest != Bundle.open(tiny).digest


def test_the_self_tests_input_never_changes() -> None:
    once = self_test_input(5, 96)
    assert once.shape == (1, 3, 96, 96)
    assert once.dtype == np.float32
    assert (once == self_test_input(5, 96)).all()
    assert once[0, 0, 0, 0] == pytest.approx(1.2200117)
    assert -2 <= once.min() < once.max() <= 2
