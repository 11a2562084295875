import dataclasses

import numpy as np
import pytest
import torch

from endolink.training.frames import Drawings, Frames
from endolink.training.loss import Loss, Targets, presence_weight, targets
from endolink.training.network import Outputs
from endolink.training.recipe import Recipe

CPU = torch.device("cpu")


def _frames(present: list[list[bool]], known: list[list[bool]] | None = None) -> Frames:
    labels = np.array(present)
    rows = np.arange(len(labels))
    shown = np.ones_like(labels) if known is None else np.array(known)
    return Frames(np.empty((0, 8, 8, 4), np.uint8), rows, labels, shown, rows)


def test_it_is_the_cross_entropy_of_what_is_known() -> None:
    frames = _frames([[True, False], [False, True]], [[True, False], [True, True]])
    loss = Loss(Recipe(balance=0.0, smoothing=0.0), frames, CPU)
    logits = torch.tensor([[2.0, 9.0], [1.0, -1.0]])
    each = torch.nn.functional.softplus(torch.tensor([-2.0, 1.0, 1.0]))
    right = targets(frames, np.array([0, 1]))
    assert loss.labels(logits, right).item() == pytest.approx(each.mean().item())


def test_smoothing_pulls_a_sure_answer_back() -> None:
    frames = _frames([[True]])
    logits = torch.tensor([[9.0]], requires_grad=True)
    right = targets(frames, np.array([0]))
    Loss(Recipe(smoothing=0.1), frames, CPU).labels(logits, right).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.item() > 0


@pytest.mark.parametrize(("balance", "weight"), [(0.0, 1.0), (0.5, 3.0), (1.0, 9.0)])
def test_a_rare_findings_presence_weighs_more(balance: float, weight: float) -> None:
    frames = _frames([[row == 0] for row in range(10)])
    recipe = dataclasses.replace(Recipe(), balance=balance)
    assert presence_weight(frames, recipe).tolist() == pytest.approx([weight])


def test_a_map_is_held_to_the_outline() -> None:
    squares = np.zeros((2, 32, 32, 4), np.uint8)
    drawings = Drawings(squares, squares[..., 0], np.ones(2, bool), 0)
    frames = dataclasses.replace(_frames([[True, False], [False, True]]), drawings=drawings)
    loss = Loss(Recipe(), frames, CPU)
    outline = torch.zeros(1, 32, 32, dtype=torch.uint8)
    outline[:, 8:24, 8:24] = 255
    present, known = torch.tensor([[True, False]]), torch.tensor([[True, True]])
    right = Targets(present, known, outline, torch.tensor([True]))
    nothing = torch.full((1, 2, 4, 4), -5.0)
    logits, values = torch.zeros(1, 2), {}
    for name, cells in (("right", slice(1, 3)), ("beside", slice(2, 4)), ("nowhere", slice(0))):
        maps = nothing.clone()
        maps[:, 0, cells, cells] = 5.0
        values[name] = loss(Outputs(logits, torch.zeros(1, 1), maps), right).item()
    assert values["right"] < values["nowhere"]
    assert values["right"] < values["beside"]
    plain = loss.labels(logits, right).item()
    untraced = Targets(present, known, outline, torch.tensor([False]))
    outputs = Outputs(logits, torch.zeros(1, 1), nothing)
    assert loss(outputs, untraced).item() == plain
    assert Loss(Recipe(outline=0.0), frames, CPU)(outputs, right).item() == plain
