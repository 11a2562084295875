from itertools import pairwise

import pytest

from endolink.training.inference import make
from endolink.training.recipe import Recipe
from endolink.training.schedule import Schedule, parameter_groups


def test_the_rate_rises_and_falls_along_a_cosine() -> None:
    schedule = Schedule(Recipe(epochs=10, rate=1.0, warm_up=0.1), updates=10)
    rates = [schedule.head(update) for update in range(100)]
    assert rates[:10] == pytest.approx([(update + 1) / 10 for update in range(10)])
    assert rates[55] == pytest.approx((1 + 0.01) / 2, abs=1e-6)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert 0.01 < rates[99] < 0.02


def test_a_frozen_backbone_rises_when_its_turn_comes() -> None:
    recipe = Recipe(epochs=10, rate=1.0, backbone_rate=0.5, warm_up=0.1, freeze=2)
    schedule = Schedule(recipe, updates=10)
    assert [schedule.backbone(update) for update in (0, 19)] == [0.0, 0.0]
    assert schedule.backbone(20) == pytest.approx(0.5 / 10)
    assert schedule.backbone(40) == pytest.approx(schedule.head(40) / 2)


@pytest.mark.parametrize(("name", "layers"), [("mobilenet_v2", 19), ("resnet18", 10)])
def test_deeper_layers_learn_slower(name: str, layers: int) -> None:
    recipe = Recipe(architecture=name, layer_decay=0.5)
    network = make(recipe, 3)
    *backbone, head = parameter_groups(network, recipe)
    assert [group["share"] for group in backbone] == [0.5**n for n in reversed(range(layers))]
    assert head["share"] is None
    grouped = [id(value) for group in (*backbone, head) for value in group["params"]]
    assert sorted(grouped) == sorted(map(id, network.parameters()))
