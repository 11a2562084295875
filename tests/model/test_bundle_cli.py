import shutil
from pathlib import Path

from typer.testing import CliRunner

from endolink.model.bundle_cli import bundle
from endolink.model.errors import BundleSignerUnknown, BundleTampered, SigningKeyUnusable
from tests.model.certificates import party, pem


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


def test_a_bundle_is_signed_and_verified(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "bundle"))
    key, other = tmp_path / "release.key", tmp_path / "other.key"
    for path in (key, other):
        assert CliRunner().invoke(bundle, ["key", str(path)]).exit_code == 0
    signed = CliRunner().invoke(bundle, ["sign", str(folder), "--key", str(key)])
    assert "vouches for tiny 0.1.0" in signed.output
    verify = ["verify", str(folder), "--provider", "cpu", "--signer"]
    said = CliRunner().invoke(bundle, [*verify, f"{key}.pub"])
    assert said.exit_code == 0
    assert "vouches for it" in said.output
    refused = CliRunner().invoke(bundle, [*verify, f"{other}.pub"])
    assert isinstance(refused.exception, BundleSignerUnknown)


def test_a_key_with_a_passphrase_signs_for_whoever_knows_it(tiny: Path, tmp_path: Path) -> None:
    folder, key = str(shutil.copytree(tiny, tmp_path / "bundle")), str(tmp_path / "release.key")
    make = ["key", key, "--passphrase"]
    assert CliRunner().invoke(bundle, make, input="horse\nhorse\n").exit_code == 0
    sign = ["sign", folder, "--key", key]
    wrong = CliRunner().invoke(bundle, sign, input="donkey\n")
    assert isinstance(wrong.exception, SigningKeyUnusable)
    assert "horse" not in CliRunner().invoke(bundle, sign, input="horse\n").output
    assert CliRunner().invoke(bundle, ["verify", folder, "--signer", f"{key}.pub"]).exit_code == 0


def test_a_certificate_signs(tiny: Path, tmp_path: Path) -> None:
    folder = str(shutil.copytree(tiny, tmp_path / "bundle"))
    root = party("root", authority=True)
    release = party("release", root)
    key = str(release.write_key(tmp_path / "release.key"))
    certificate = ["--certificate", str(pem(tmp_path / "release.pem", release))]
    done = CliRunner().invoke(bundle, ["sign", folder, "--key", key, *certificate])
    assert done.exit_code == 0, done.output
    authority = str(pem(tmp_path / "root.pem", root))
    said = CliRunner().invoke(bundle, ["verify", folder, "--signer", authority])
    assert "certificate" in said.output
