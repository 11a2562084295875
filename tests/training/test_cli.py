import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from endolink.training import cli, evaluate_cli
from endolink.training.config import read_config
from endolink.training.run import BUNDLE

WITHOUT_TORCH = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
from endolink.model.errors import ExtraMissing
from endolink.training import cli, evaluate_cli
assert not {"torch", "torchvision", "sklearn"} & sys.modules.keys()
try:
    cli.train(data=["folder:x"], out="y")
except ExtraMissing as error:
    print(error.detail)
"""


@pytest.fixture(scope="module")
def program() -> typer.Typer:
    app = typer.Typer()
    for command in (cli.train, evaluate_cli.evaluate, cli.export):
        app.command()(command)
    return app


def test_without_torch_the_commands_say_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True
    )
    assert done.stdout == "training needs torch: pip install 'endolink[training]'\n"


@pytest.mark.parametrize("command", ["train", "evaluate", "export"])
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


@pytest.mark.parametrize("fold", ["5", "-1", "some"])
def test_a_fold_that_is_not_there_is_refused(program: typer.Typer, fold: str) -> None:
    result = CliRunner().invoke(
        program, ["train", "--data", "folder:x", "--out", "y", "--fold", fold]
    )
    assert result.exit_code == 2
    assert "0 to 4, or all" in result.output
