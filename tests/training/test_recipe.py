from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from endolink.model.preprocess import Preprocess
from endolink.training.recipe import Recipe

RECIPE = TypeAdapter(Recipe)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0.0),
        ("dropout", 1.0),
        ("size", 31),
        ("size", 1025),
        ("train_size", 31),
        ("epochs", 0),
        ("batch", 1),
        ("rate", 0.0),
        ("rate", float("nan")),
        ("backbone_rate", -0.25),
        ("weight_decay", -0.1),
        ("warm_up", 1.0),
        ("smoothing", -0.01),
        ("balance", 1.1),
        ("burst", 0),
        ("freeze", -1),
        ("accumulate", 0),
        ("patience", 0),
        ("layer_decay", 1.5),
        ("sampling", 2.0),
        ("precision", "int4"),
        ("average", 1.0),
        ("seed", -1),
        ("learning_rate", 0.1),
    ],
)
def test_a_value_that_cannot_train_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Recipe(**{name: value})
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


def test_the_network_is_judged_at_size_and_not_at_train_size() -> None:
    assert Recipe(size=160, train_size=96).preprocess == Preprocess(size=160)


def test_a_recipe_comes_back_whole_from_json() -> None:
    recipe = replace(Recipe(), architecture="resnet18", weights="imagenet", rate=3e-4, seed=7)
    assert RECIPE.validate_json(RECIPE.dump_json(recipe)) == recipe != Recipe()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"freeze": 6}, "freeze: fewer"), ({"accumulate": 17}, "accumulate: leaves")],
)
def test_values_that_contradict_each_other_are_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe(**change)
