import dataclasses
import typing
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from endolink.training.options import takes_recipe
from endolink.training.recipe import Recipe


@pytest.fixture
def given() -> dict[str, Any]:
    return {}


@pytest.fixture
def program(given: dict[str, Any]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @takes_recipe
    def train(*, out: str = "here", **recipe: Any) -> None:
        """Train."""
        given.update(recipe, out=out)

    return app


def test_every_field_is_an_option(program: typer.Typer, given: dict[str, Any]) -> None:
    argv = ["--arch", "resnet18", "--patience", "3", "--layer-decay", "0.9", "--precision", "bf16"]
    assert CliRunner().invoke(program, [*argv, "--out", "there"]).exit_code == 0
    assert given.pop("out") == "there"
    assert given.keys() == {field.name for field in dataclasses.fields(Recipe)}
    assert {name: value for name, value in given.items() if value is not None} == {
        "architecture": "resnet18",
        "patience": 3,
        "layer_decay": 0.9,
        "precision": "bf16",
    }


def test_help_says_what_each_is_and_by_default(program: typer.Typer) -> None:
    text = CliRunner().invoke(program, ["--help"], env={"COLUMNS": "200"}).output
    for field in dataclasses.fields(Recipe):
        assert f"--{field.name.replace('_', '-')}" in text
    assert "For so many epochs only the head learns." in text
    assert "[default: (mobilenet_v2)]" in text


def test_every_field_is_described() -> None:
    for name, hint in typing.get_type_hints(Recipe, include_extras=True).items():
        notes = typing.get_args(hint)[1:]
        assert any(getattr(note, "description", None) for note in notes), name
