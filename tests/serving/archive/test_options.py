from pathlib import Path

import pytest
import typer

from endolink.serving.archive.options import ON_SCREEN, Form, make_sinks, read_secret
from endolink.serving.archive.sinks.table import TableSink
from endolink.serving.models import Models


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    secret = read_secret(path)
    assert len(secret) == 32
    assert read_secret(path) == secret
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"short")
    with pytest.raises(typer.BadParameter, match="at least 32 bytes"):
        read_secret(path)


def test_every_form_in_a_folder_has_its_sink(models: Models) -> None:
    forms = [form for form in Form if form not in ON_SCREEN]
    sinks = make_sinks(forms, models.get(None), identifiers=False)
    assert list(sinks) == [form.value for form in forms]
    assert len({type(sink) for sink in sinks.values()}) == len(forms) - 1


def test_sinks_know_what_the_model_finds(models: Models) -> None:
    classifier = models.get(None)
    sinks = make_sinks([Form.CSV, Form.PARQUET], classifier, identifiers=True)
    assert list(sinks) == ["csv", "parquet"]
    for sink in sinks.values():
        assert isinstance(sink, TableSink)
        names = [name for name, *_ in sink.columns]
        assert names[-1] == "source"
        for code in classifier.bundle.manifest.findings:
            assert f"{code.replace('-', '_')}_probability" in names
