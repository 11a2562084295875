from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from endolink.model.bundle import Bundle
from endolink.training.export_cli import export


@pytest.fixture(scope="module")
def program() -> typer.Typer:
    app = typer.Typer()
    app.command()(export)
    return app


def test_a_run_becomes_a_bundle_with_the_series_figures(
    program: typer.Typer, finished: Path, frames: Path, tmp_path: Path
) -> None:
    argv = [str(finished / "fold-1"), "--out", str(tmp_path / "bundle"), "--name", "drawn"]
    argv += ["--data", f"folder:{frames}", "--cross-validation", str(finished)]
    argv += ["--cache", str(tmp_path / "cache")]
    result = CliRunner().invoke(program, argv, catch_exceptions=False)
    assert result.exit_code == 0
    bundle = Bundle.open(tmp_path / "bundle")
    assert bundle.digest in result.stdout.replace("\n", "")
    assert [item.frames for item in bundle.manifest.evaluation][-1] == 36


def test_a_precision_that_is_none_is_refused(program: typer.Typer, tmp_path: Path) -> None:
    argv = [str(tmp_path), "--out", str(tmp_path / "bundle"), "--precision", "int4"]
    assert "int8 or bf16; fp32 is always there" in str(CliRunner().invoke(program, argv).exception)


def test_what_is_no_run_is_refused(program: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(program, [str(tmp_path), "--out", str(tmp_path / "bundle")])
    assert "is not the folder of a run" in str(result.exception)
