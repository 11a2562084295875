from pathlib import Path

import typer
from typer.testing import CliRunner

from endolink.model.bundle import Bundle
from endolink.training.card_cli import card
from tests.bundles import tiny_bundle
from tests.training.reports import full_report


def test_the_command_writes_the_card_beside_and_says_the_digest(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(card)
    bundle = tiny_bundle(tmp_path / "bundle")
    before = Bundle.open(bundle).digest
    (tmp_path / "report.json").write_bytes(full_report().to_json())
    argv = [str(bundle), "--report", str(tmp_path / "report.json"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, argv, catch_exceptions=False)
    assert result.exit_code == 0
    made = Bundle.open(tmp_path / "out")
    assert made.digest in result.output
    assert Bundle.open(bundle).digest == before != made.digest
    assert [item.file for item in made.manifest.reports] == ["report.json"]
