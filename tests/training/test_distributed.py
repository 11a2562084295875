import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from endolink.training import distributed
from endolink.training.checkpoint import CHECKPOINT
from endolink.training.config import read_config
from endolink.training.inference import make

ENDOLINK = str(Path(sys.executable).with_name("endolink"))


def test_alone_it_leads_and_has_everything() -> None:
    with distributed.joined():
        assert (distributed.rank(), distributed.size(), distributed.leads()) == (0, 1, True)
        assert distributed.share(np.arange(3)).tolist() == [0, 1, 2]
        assert distributed.gather("mine") == ["mine"]
        network = torch.nn.Linear(2, 2)
        assert distributed.parallel(network) is network


def _train(frames: Path, out: Path, cache: Path, *, processes: int, accumulate: int) -> None:
    argv = ["train", "--data", f"folder:{frames}", "--out", str(out), "--folds", "3"]
    argv += ["--arch", "alexnet", "--size", "64", "--train-size", "64", "--epochs", "2"]
    argv += ["--freeze", "1", "--dropout", "0", "--batch", "12", "--precision", "fp32"]
    argv += ["--accumulate", str(accumulate), "--cache", str(cache)]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
    launch += ["--nproc-per-node", str(processes), ENDOLINK, *argv]
    done = subprocess.run(launch, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def test_two_processes_learn_what_one_does(frames: Path, tmp_path: Path) -> None:
    """They share the frames out and write one run.

    Each normalises its own half of a batch, so that their weights are not those of one process.
    """
    cache = tmp_path / "cache"
    _train(frames, tmp_path / "two", cache, processes=2, accumulate=2)
    _train(frames, tmp_path / "one", cache, processes=1, accumulate=1)
    split = [(tmp_path / name / "split.csv").read_text() for name in ("one", "two")]
    assert split[0] == split[1]
    recipe = read_config(tmp_path / "one").recipe
    assert read_config(tmp_path / "two").recipe == dataclasses.replace(recipe, accumulate=2)
    one, two = (
        torch.load(tmp_path / name / CHECKPOINT, weights_only=True) for name in ("one", "two")
    )
    start = make(recipe, 3).state_dict()
    for name, found in (("one", one), ("two", two)):
        come = sum((found["network"][key] - start[key]).square().sum() for key in start)
        assert float(come) > 0, name
        losses = [epoch["loss"] for epoch in found["history"]]
        assert losses[-1] < losses[0], name
    # Only the leader wrote: one run, one board, figures of every held-out frame.
    assert len(list((tmp_path / "two" / "tensorboard").iterdir())) == 1
    assert json.loads((tmp_path / "two" / "metrics.json").read_text())["frames"] == 12
