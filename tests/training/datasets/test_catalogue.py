from pathlib import Path

import pytest

from endolink.model.errors import DataError
from endolink.training.datasets import ADAPTERS
from endolink.training.datasets.catalogue import (
    PUBLICATIONS,
    VARIABLE,
    RemoteFile,
    publications,
    read_catalogue,
)

OWN = """
[[set]]
name = "hyper-kvasir"
adapter = "folder"
title = "Our mirror"
licence = "CC-BY-4.0"
citation = "Borgli et al."
home = "https://files.clinic.example"

[[set.files]]
url = "https://files.clinic.example/a/b.zip?download=1"
size = 5
to = "labeled-images"
"""


def test_every_set_says_its_terms_and_where_it_comes_from() -> None:
    for item in PUBLICATIONS:
        assert item.adapter in ADAPTERS
        assert item.licence
        assert item.citation
        assert item.home.startswith("https://")
        assert bool(item.files or item.records) != bool(item.by_hand)
    assert len({item.name for item in PUBLICATIONS}) == len(PUBLICATIONS)


def test_a_catalogue_of_ones_own_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "catalogue.toml").write_text(OWN)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "catalogue.toml"))
    known = publications()
    assert len(known) == len(PUBLICATIONS)
    (file,) = known["hyper-kvasir"].files
    assert (file.name, file.to, file.size) == ("b.zip", "labeled-images", 5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("size = 5", "size = 0"), r"0\.files\.0\.size"),
        (('to = "labeled-images"', 'to = "../up"'), r"0\.files\.0\.to"),
        (('to = "labeled-images"', 'to = "/etc"'), r"0\.files\.0\.to"),
        (("https://files.clinic.example/a", "ftp://files.clinic.example/a"), "url"),
        (('title = "Our mirror"', ""), r"0\.title"),
        (("[[set]]", "[[set"), "line 2"),
    ],
)
def test_a_mistake_is_told_with_its_field(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(OWN.replace(*change))
    with pytest.raises(DataError, match=rf"is no catalogue of data sets: .*{reason}"):
        read_catalogue(path)


def test_a_name_may_be_given_where_the_address_has_none() -> None:
    assert RemoteFile("https://osf.io/download/abc12/", file="set.zip").name == "set.zip"
