"""Where the course of a run can be watched: TensorBoard, and MLflow where that is installed."""

import dataclasses
import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from endolink.model.egress import require
from endolink.model.errors import EgressRefused
from endolink.training import distributed
from endolink.training.recipe import Recipe

Track = Callable[[int, Mapping[str, float]], None]

logger = logging.getLogger(__name__)

MLFLOW_RUN = "mlflow-run.txt"
_EXPERIMENT = "endolink"


@contextmanager
def tracking(folder: Path, recipe: Recipe) -> Iterator[Track]:
    """Give what notes an epoch's figures, by name, wherever the run in `folder` is watched.

    TensorBoard's files lie in the folder. MLflow is told the recipe and the figures, wherever
    MLFLOW_TRACKING_URI points; where it does not answer a warning says so, and the run goes on.
    """
    if not distributed.leads():
        yield lambda *_: None
        return
    mlflow = _mlflow(folder, recipe)
    with SummaryWriter(folder / "tensorboard") as board:

        def track(epoch: int, figures: Mapping[str, float]) -> None:
            for name, value in figures.items():
                board.add_scalar(name, value, epoch)
            mlflow(epoch, figures)

        yield track


def _mlflow(folder: Path, recipe: Recipe) -> Track:
    if importlib.util.find_spec("mlflow") is None:
        return lambda *_: None
    client: Any = None

    def track(epoch: int, figures: Mapping[str, float]) -> None:
        nonlocal client
        try:
            client = client or _client()
            run = _mlflow_run(client, folder, recipe)
            for name, value in figures.items():
                client.log_metric(run, name, value, step=epoch)
        except EgressRefused as error:
            logger.warning("MLflow was not told of epoch %d: %s", epoch + 1, error.detail)
        # Whatever goes wrong over there must not cost hours of training here.
        except Exception as error:  # noqa: BLE001
            logger.warning("MLflow was not told of epoch %d: %s", epoch + 1, type(error).__name__)

    return track


def _client() -> Any:
    mlflow = importlib.import_module("mlflow")
    server = str(mlflow.get_tracking_uri())
    # Its own files, where it is no server's address.
    where = server if server.startswith(("http://", "https://")) else Path.cwd()
    require(frozenset({"aggregates"}), where)
    return mlflow.MlflowClient()


def _mlflow_run(client: Any, folder: Path, recipe: Recipe) -> str:
    """Name the MLflow run of this folder: a run that goes on, goes on there too."""
    noted = folder / MLFLOW_RUN
    if noted.is_file():
        return noted.read_text().strip()
    known = client.get_experiment_by_name(_EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(_EXPERIMENT)
    run: str = client.create_run(experiment, run_name=folder.name).info.run_id
    for name, value in dataclasses.asdict(recipe).items():
        client.log_param(run, name, value)
    noted.write_text(run + "\n")
    return run
