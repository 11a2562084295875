import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from endolink.model.errors import ProviderUnavailable
from endolink.model.runtime import Provider, Session, available_cpus
from tests.bundles import FINDINGS, tiny_network

NETWORK = tiny_network(64, seed=3)


def need_openvino() -> None:
    """Skip the test where OpenVINO is not installed, or knows no device (it is for Intel's)."""
    try:
        Session.open(NETWORK, provider="openvino")
    except ProviderUnavailable as error:
        pytest.skip(error.detail)


@pytest.mark.parametrize("provider", ["cpu", "openvino", "auto"])
def test_weights_in_a_file_beside_the_graph_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    """Nothing checks such a file: neither the manifest nor a signature names it."""
    if provider == "openvino":
        need_openvino()
    graph = onnx.load_model_from_string(NETWORK)
    where = tmp_path / "graph.onnx"
    onnx.save(graph, where, save_as_external_data=True, location="weights", size_threshold=0)
    assert (tmp_path / "weights").stat().st_size > 0
    # Where it would be found, if it were looked for.
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProviderUnavailable):
        Session.open(where.read_bytes(), provider=provider)


def test_the_quota_counts_and_not_the_host(tmp_path: Path) -> None:
    host = available_cpus(tmp_path)
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert available_cpus(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert available_cpus(tmp_path) == host
    (tmp_path / "cpu.max").write_text("99999900000 100000\n")
    assert available_cpus(tmp_path) == host


def test_the_older_quota_counts_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert available_cpus(tmp_path) == 1
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert available_cpus(tmp_path) == available_cpus(tmp_path / "none")


def test_a_batch_is_its_rows() -> None:
    session = Session.open(NETWORK, provider="cpu", threads=1)
    batch = np.random.default_rng(0).normal(size=(5, 3, 64, 64)).astype(np.float32)
    together = session.run(batch)
    assert together["logits"].shape == (5, len(FINDINGS))
    for row in range(5):
        alone = session.run(batch[row : row + 1])
        for name, value in together.items():
            assert alone[name][0] == pytest.approx(value[row], abs=1e-5)


def test_it_runs_from_several_threads_at_once() -> None:
    session = Session.open(NETWORK, provider="cpu", threads=1)
    batches = np.random.default_rng(1).normal(size=(40, 1, 3, 64, 64)).astype(np.float32)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: session.run(batch)["logits"], batches))
    for batch, logits in zip(batches, found, strict=True):
        assert (session.run(batch)["logits"] == logits).all()


def test_auto_always_finds_one() -> None:
    assert Session.open(NETWORK).provider in {"cpu", "openvino", "cuda"}


def test_auto_falls_back_where_openvino_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_openvino", None)
    with pytest.raises(ProviderUnavailable, match="pip install onnxruntime-ep-openvino"):
        Session.open(NETWORK, provider="openvino")
    assert Session.open(NETWORK).provider in {"cpu", "cuda"}


def test_openvino_computes_in_full_precision() -> None:
    need_openvino()
    batch = np.random.default_rng(2).normal(size=(2, 3, 64, 64)).astype(np.float32)
    plain = Session.open(NETWORK, provider="cpu").run(batch)
    quick = Session.open(NETWORK, provider="openvino").run(batch)
    for name, value in plain.items():
        assert quick[name] == pytest.approx(value, abs=1e-4)


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(ProviderUnavailable, match="choose one of auto, openvino, cpu, cuda"):
        Session.open(NETWORK, provider="npu")  # type: ignore[arg-type]


def test_bf16_is_near_full_precision_and_not_the_same() -> None:
    need_openvino()
    batch = np.random.default_rng(2).normal(size=(2, 3, 64, 64)).astype(np.float32)
    plain = Session.open(NETWORK, provider="openvino").run(batch)["activation"]
    session = Session.open(NETWORK, precision="bf16")
    assert session.provider == "openvino"
    half = session.run(batch)["activation"]
    assert half.dtype == np.float32
    assert half == pytest.approx(plain, abs=0.05 * float(np.abs(plain).max()))


def test_bf16_is_refused_where_it_is_not_computed() -> None:
    with pytest.raises(ProviderUnavailable, match="OpenVINO alone"):
        Session.open(NETWORK, provider="cpu", precision="bf16")


def test_a_provider_on_which_the_gate_was_not_passed_is_refused() -> None:
    assert Session.open(NETWORK, precision="int8", gated_on=("cpu",)).provider == "cpu"
    with pytest.raises(ProviderUnavailable, match="int8 of this network passed its gate on cpu"):
        Session.open(NETWORK, provider="openvino", precision="int8", gated_on=("cpu",))


def test_a_provider_without_a_device_says_so_each_time() -> None:
    """The second time ONNX Runtime would refuse to register the library again."""
    answers = []
    for _ in range(2):
        try:
            answers.append(Session.open(NETWORK, provider="openvino").provider)
        except ProviderUnavailable as error:
            answers.append(error.detail)
    assert answers[0] == answers[1]
    assert "already registered" not in answers[0]
