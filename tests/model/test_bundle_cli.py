import shutil
from pathlib import Path

from typer.testing import CliRunner

from endolink.model.bundle_cli import bundle
from endolink.model.errors import BundleTampered


def test_verify_names_the_bundle_and_its_digest(tiny: Path) -> None:
    result = CliRunner().invoke(bundle, ["verify", str(tiny), "--provider", "cpu"])
    assert result.exit_code == 0
    assert "fp32 on cpu: self-test passed" in result.output
    assert "tiny 0.1.0: 3 files match the manifest\nsha256:" in result.output


def test_verify_refuses_a_changed_file(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "changed"))
    (folder / "MODEL_CARD.md").write_text("Cures everything.\n")
    result = CliRunner().invoke(bundle, ["verify", str(folder)])
    assert isinstance(result.exception, BundleTampered)


def test_show_says_terms_figures_and_that_the_clinician_decides(tiny: Path) -> None:
    result = CliRunner(env={"COLUMNS": "140"}).invoke(bundle, ["show", str(tiny)])
    assert result.exit_code == 0
    for text in ("Apache-2.0", "For tests.", "specificity 0.95", "0.400 to 0.600", "rendered in"):
        assert text in result.output
    assert "It points; the clinician decides." in result.output
