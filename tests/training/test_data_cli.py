import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endolink.model.errors import DataError
from endolink.training.data_cli import data
from endolink.training.datasets.catalogue import VARIABLE
from tests.training.pictures import draw, fill_folder
from tests.training.site import Site, clinic_zip, serve

CATALOGUE = """
[[set]]
name = "clinic"
adapter = "folder"
title = "Frames of a clinic"
about = "9 frames"
licence = "CC-BY-4.0"
notice = "Ask before you sell."
citation = "Nobody et al. (2026)"
home = "{url}"

[[set.files]]
url = "{url}/frames.zip"
size = {size}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    packed = clinic_zip(tmp_path)
    with serve(Site(files={"/frames.zip": packed})) as running:
        catalogue = tmp_path / "catalogue.toml"
        catalogue.write_text(CATALOGUE.format(url=running.url, size=len(packed)))
        monkeypatch.setenv(VARIABLE, str(catalogue))
        yield running


def _run(*argv: str, answer: str | None = None) -> str:
    result = CliRunner().invoke(
        data, list(argv), input=answer, catch_exceptions=False, env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("command", ["list", "fetch", "inspect", "split"])
def test_help_teaches(command: str) -> None:
    said = _run(command, "--help")
    assert f"endolink data {command} " in said or "ENDOLINK_CATALOGUE" in said


def test_list_shows_every_set_and_ones_own(site: Site) -> None:
    said = _run("list")
    assert "47,238 capsule frames" in said
    assert "clinic" in said


def test_the_terms_are_printed_before_anything_is_asked_for(site: Site, tmp_path: Path) -> None:
    argv = ["fetch", "clinic", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(data, argv, input="n\n")
    assert result.exit_code == 1
    for line in ("Licence: CC-BY-4.0", "Ask before you sell.", "Cite: Nobody et al. (2026)"):
        assert line in result.output
    assert site.asked == []
    said = _run(*argv, answer="y\n")
    assert "endolink train --data folder:" in said
    assert (tmp_path / "out" / "polyp" / "00.jpg").is_file()


def test_nobody_to_ask_is_no_consent(site: Site, tmp_path: Path) -> None:
    result = CliRunner().invoke(data, ["fetch", "clinic", "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert site.asked == []
    _run("fetch", "clinic", "--yes", "--out", str(tmp_path / "out"))
    assert "already" not in _run("list")


def test_a_set_that_is_given_out_by_hand_says_how(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"IEEE DataPort after signing in .* --archive"):
        _run("fetch", "edd2020", "--yes")
    with pytest.raises(DataError, match="no data set is called 'imagenet'; known are hyper-kv"):
        _run("fetch", "imagenet")


def test_inspect_counts_warns_and_draws(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "clinic", 3)
    sheet, out = tmp_path / "sheet.jpg", tmp_path / "found.json"
    said = _run("inspect", str(root), "--sheet", str(sheet), "--out", str(out))
    assert "polyp" in said
    assert "! " in said
    assert sheet.read_bytes().startswith(b"\xff\xd8")
    found = json.loads(out.read_text())
    assert found["findings"][0] == {
        "code": "polyp",
        "present": 3,
        "absent": 6,
        "undecided": 0,
        "groups": 3,
    }
    assert any("one patient or video" in warning for warning in found["warnings"])


def test_split_writes_what_train_reads(tmp_path: Path) -> None:
    root, out = fill_folder(tmp_path / "clinic", 8), tmp_path / "split.csv"
    where = ["--data", f"folder:{root}", "--cache", str(tmp_path / "cache"), "--out", str(out)]
    assert "test" in _run("split", *where, "--folds", "4")
    lines = out.read_text().splitlines()
    assert lines[0] == "file,finding,group,part"
    assert len(lines) == 25
    first = out.read_bytes()
    _run("split", *where, "--folds", "4")
    assert out.read_bytes() == first
    with pytest.raises(DataError, match="have no place in an official split"):
        _run("split", *where, "--official")


def test_an_official_split_is_written_with_its_warning(tmp_path: Path) -> None:
    """Each frame is there twice, once in each official fold."""
    tract = tmp_path / "set" / "labeled-images" / "lower-gi-tract"
    lines = ["file-name;class-name;split-index"]
    for label, name, folder in (
        ("polyp", "polyp", tract / "pathological-findings" / "polyps"),
        ("cecum", "normal-cecum", tract / "anatomical-landmarks" / "cecum"),
    ):
        folder.mkdir(parents=True)
        for number in range(16):
            draw(label, number // 2).save(folder / f"{label}{number}.jpg")
            lines.append(f"{label}{number}.jpg;{name};{number % 2}")
    (tmp_path / "set" / "5_fold_split.csv").write_text("\n".join(lines))
    out = tmp_path / "official.csv"
    argv = ["--data", f"hyper-kvasir:{tmp_path / 'set'}", "--cache", str(tmp_path / "cache")]
    said = _run("split", *argv, "--official", "--fold", "1", "--out", str(out))
    assert "16 of 16 test frames (100%)" in said
    assert out.read_text().splitlines()[0] == "file,finding,group,part,rule"
