import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from endolink.training import cli, evaluate_cli, export_cli
from endolink.training.config import read_config
from endolink.training.run import BUNDLE

ENDOLINK = str(Path(sys.executable).with_name("endolink"))

WITHOUT_TORCH = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
from endolink.model.errors import ExtraMissing
from endolink.training import cli, evaluate_cli, export_cli
assert not {"torch", "torchvision", "sklearn"} & sys.modules.keys()
try:
    cli.train(data=["folder:x"], out="y")
except ExtraMissing as error:
    print(error.detail)
"""


@pytest.fixture(scope="module")
def program() -> typer.Typer:
    app = typer.Typer()
    for command in (cli.train, cli.average, evaluate_cli.evaluate, export_cli.export):
        app.command()(command)
    return app


def test_without_torch_the_commands_say_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True
    )
    assert done.stdout == "training needs torch: pip install 'endolink[training]'\n"


@pytest.mark.parametrize("command", ["train", "average", "evaluate", "export"])
def test_help_teaches_with_an_example(program: typer.Typer, command: str) -> None:
    result = CliRunner().invoke(program, [command, "--help"])
    assert result.exit_code == 0
    assert f"endolink {command} " in result.output


def test_one_run_from_the_command_line_to_a_bundle_that_is_evaluated(
    program: typer.Typer, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = f"folder:{frames}", tmp_path / "run"
    argv = ["train", "--data", data, "--out", str(out), "--folds", "3", "--fold", "1"]
    argv += [
        "--epochs",
        "1",
        "--size",
        "64",
        "--train-size",
        "64",
        "--arch",
        "alexnet",
        "--batch",
        "8",
    ]
    argv += ["--cache", str(tmp_path / "cache")]
    monkeypatch.setattr(sys, "argv", ["endolink", *argv])
    result = CliRunner().invoke(program, argv, catch_exceptions=False)
    assert result.exit_code == 0
    assert "macro-f1" in result.output
    command = read_config(out).command
    assert command.startswith("endolink train --data folder:drawn --out run --folds 3")
    assert str(tmp_path) not in command

    argv = ["evaluate", "--data", data, "--bundle", str(out / BUNDLE), "--provider", "cpu"]
    argv += ["--split", str(out / "split.csv"), "--corruption", "text", "--reduced-decode"]
    argv += ["--report", str(tmp_path / "report"), "--verdicts", str(tmp_path / "v.csv")]
    result = CliRunner().invoke(program, argv, catch_exceptions=False)
    assert result.exit_code == 0
    assert "top finding changes" in result.output
    assert "decoded in full: the top finding changes in 0 of" in result.output
    assert '"macro-f1"' in (tmp_path / "report" / "report.json").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fold", "5"], "--fold: 0 to 4, or all"),
        (["--size", "8"], "--size 8: Input should be greater than or equal to 32"),
        (["--rate", "-1"], "--rate -1.0: Input should be greater than 0"),
        (["--config", "none.toml"], "none.toml: cannot be read"),
    ],
)
def test_what_cannot_train_is_one_line_and_no_traceback(options: list[str], message: str) -> None:
    done = subprocess.run(
        [ENDOLINK, "train", "--data", "folder:x", "--out", "y", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 1
    assert "training-refused" in done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_two_seeds_from_a_file_are_summed_up_and_averaged(
    program: typer.Typer, frames: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'data = ["folder:{frames}"]\nseeds = 2\nfolds = 3\n\n[recipe]\n'
        'architecture = "alexnet"\nsize = 64\ntrain_size = 64\nepochs = 1\nbatch = 8\n'
    )
    cache = ["--cache", str(tmp_path / "cache")]
    argv = ["train", "--config", str(recipe), "--out", str(tmp_path / "two"), *cache]
    result = CliRunner().invoke(program, argv, catch_exceptions=False)
    assert result.exit_code == 0
    assert 'recipe.architecture = "alexnet"' in result.stderr
    assert "Over the seeds" in result.stdout
    places = [str(tmp_path / "two" / f"seed-{seed}") for seed in (0, 1)]
    argv = ["average", *places, "--out", str(tmp_path / "mean"), *cache]
    result = CliRunner().invoke(program, argv, catch_exceptions=False)
    assert result.exit_code == 0
    assert "left out" in result.stdout or "kept" in result.stdout
    assert (tmp_path / "mean" / BUNDLE / "manifest.json").is_file()
