from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from endolink.training.trackers import MLFLOW_RUN, tracking
from tests.training.conftest import TINY


def test_tensorboard_is_told_of_every_epoch(tmp_path: Path) -> None:
    for epoch in range(2):
        with tracking(tmp_path, TINY) as track:
            track(epoch, {"loss": 1.0 - epoch / 2})
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in board.Scalars("loss")] == [(0, 1.0), (1, 0.5)]


def test_mlflow_is_told_the_recipe_and_goes_on_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    # A server needs the whole of MLflow; its file store, which mlflow-skinny has, only to be told.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/tracked")
    for epoch in range(2):
        with tracking(tmp_path, TINY) as track:
            track(epoch, {"loss": 1.0 - epoch / 2})
    run = (tmp_path / MLFLOW_RUN).read_text().strip()
    client = mlflow.MlflowClient()
    assert client.get_run(run).data.params["architecture"] == "alexnet"
    assert [item.value for item in client.get_metric_history(run, "loss")] == [1.0, 0.5]


def test_an_mlflow_that_does_not_answer_costs_nothing_but_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "no-such-scheme://nowhere")
    with tracking(tmp_path, TINY) as track:
        track(0, {"loss": 1.0})
    assert "MLflow was not told of epoch 1" in caplog.text
