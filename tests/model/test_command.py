import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

import endolink
from endolink.model import command
from endolink.model.errors import CommandBroken

ENDOLINK = Path(sys.executable).with_name("endolink")


def _run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ENDOLINK, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"COLUMNS": "120", "NO_COLOR": "1"},
        check=False,
    )


def test_help_names_every_command_and_teaches(tmp_path: Path) -> None:
    result = _run("--help", cwd=tmp_path)
    assert result.returncode == 0
    for name in ("serve", "score", "train", "evaluate", "export", "bundle"):
        assert f" {name} " in result.stdout
    assert "endolink score frames/ --format jsonl" in result.stdout
    assert "Does not load" not in result.stdout


def test_it_runs_beside_a_users_own_model_and_training(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("raise RuntimeError('the wrong model')\n")
    for room in ("training", "serving"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise RuntimeError('the wrong room')\n")
    for words in (["--version"], ["train", "--help"], ["serve", "--help"], ["bundle", "verify"]):
        result = _run(*words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "wrong" not in result.stdout + result.stderr
    module = [sys.executable, "-c", "import endolink.model.classifier, endolink.serving.app"]
    assert subprocess.run(module, cwd=tmp_path, check=False, timeout=60).returncode == 0


def test_one_of_our_errors_is_a_message_and_no_traceback(tmp_path: Path) -> None:
    result = _run("bundle", "verify", "nowhere", cwd=tmp_path)
    assert result.returncode == 1
    assert "bundle-missing" in result.stderr
    assert "endolink export" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_version_is_the_distributions(tmp_path: Path) -> None:
    assert _run("--version", cwd=tmp_path).stdout == f"endolink {endolink.__version__}\n"


def test_a_plug_in_that_does_not_load_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint("broken", "nowhere.at.all:command", command.GROUP),
        EntryPoint("bundle", "endolink.model.bundle_cli:bundle", command.GROUP),
    ]
    monkeypatch.setattr(command, "entry_points", lambda **_: entries)
    app = command.build()
    assert CliRunner().invoke(app, ["bundle", "--help"]).exit_code == 0
    result = CliRunner().invoke(app, ["broken"])
    assert isinstance(result.exception, CommandBroken)
    assert "No module named 'nowhere'" in result.exception.detail


def test_help_flows_and_examples_stand_by_themselves() -> None:
    def told() -> None:
        """Say it.

        A sentence that is broken where
        the source's line ends.

            endolink one
            endolink two --option \\
                going on
        """

    assert command._flowing(told) == (
        "Say it.\n\nA sentence that is broken where the source's line ends.\n\n"
        "    endolink one\n\n    endolink two --option \\\n        going on"
    )
    assert command._flowing(None) is None
