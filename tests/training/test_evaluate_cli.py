import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from endolink.training.config import Config
from endolink.training.evaluate_cli import evaluate
from endolink.training.run import BUNDLE, gather, train
from tests.training.conftest import TINY, Silent
from tests.training.pictures import fill_folder


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


def test_a_checkpoint_is_judged_on_its_own_test_part_or_on_other_data(
    program: typer.Typer, frames: Path, configs: list[Config], tmp_path: Path
) -> None:
    rendered = fill_folder(tmp_path / "rendered", 2)
    config = dataclasses.replace(configs[0], also=(f"folder:{rendered}",))
    material = gather(config.data, TINY, tmp_path / "cache", Silent(), config.also)
    tested = train(config, material, tmp_path / "run", Silent()).frames
    other = fill_folder(tmp_path / "elsewhere", 3, labels=("polyp", "cecum"))

    def judged(folder: Path) -> dict[str, Any]:
        argv = ["--data", f"folder:{folder}", "--checkpoint", str(tmp_path / "run")]
        argv += ["--cache", str(tmp_path / "cache"), "--provider", "cpu", "--no-pictures"]
        argv += ["--report", str(tmp_path / folder.name)]
        result = CliRunner().invoke(program, argv, catch_exceptions=False)
        assert result.exit_code == 0
        report = json.loads((tmp_path / folder.name / "report.json").read_text())
        evaluation: dict[str, Any] = report["evaluation"]
        return evaluation

    own, foreign = judged(frames), judged(other)
    assert (own["frames"], foreign["frames"]) == (tested, 6)
    assert own["measured_on"].startswith("the test part of drawn")
    assert foreign["measured_on"] == "elsewhere"
