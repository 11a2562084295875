from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from endolink.training.evaluate_cli import evaluate
from endolink.training.run import BUNDLE


@pytest.fixture(scope="module")
def program() -> typer.Typer:
    app = typer.Typer()
    app.command()(evaluate)
    return app


def test_a_part_that_the_split_lacks_is_refused(
    program: typer.Typer, frames: Path, finished: Path
) -> None:
    fold = finished / "fold-0"
    argv = ["--data", f"folder:{frames}", "--bundle", str(fold / BUNDLE), "--part", "holdout"]
    argv += ["--split", str(fold / "split.csv")]
    result = CliRunner().invoke(program, argv)
    assert result.exit_code == 1
    assert "has no part 'holdout'; it has" in str(result.exception)
