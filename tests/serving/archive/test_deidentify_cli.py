from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from endolink.serving.archive import deidentify_cli, deidentify_files
from tests.studies import still_with_text


@pytest.fixture(autouse=True)
def _plant_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deidentify_files, "_RECALL_FRAMES", 0)


def test_the_commands(tmp_path: Path) -> None:
    still_with_text(tmp_path)
    key = tmp_path / "hospital.key"
    out = tmp_path / "out"
    invoke = CliRunner().invoke
    app = typer.Typer()
    for command in (deidentify_cli.deidentify, deidentify_cli.reviewed):
        app.command()(command)
    first = invoke(app, ["deidentify", str(tmp_path), str(out), "--key", str(key)])
    assert first.exit_code == 0, first.output
    assert "1 files written" in first.output
    # The key was not there: it is made, and for its owner alone.
    assert len(key.read_bytes()) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    second = invoke(app, ["reviewed", str(out), "--by", "A. Reader"])
    assert second.exit_code == 0, second.output
