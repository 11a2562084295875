import dataclasses

import numpy as np
import pytest
import torch

from endolink.training.frames import Frames
from endolink.training.loss import Loss, presence_weight
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
    assert loss(logits, frames, np.array([0, 1])).item() == pytest.approx(each.mean().item())


def test_smoothing_pulls_a_sure_answer_back() -> None:
    frames = _frames([[True]])
    logits = torch.tensor([[9.0]], requires_grad=True)
    Loss(Recipe(smoothing=0.1), frames, CPU)(logits, frames, np.array([0])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.item() > 0


@pytest.mark.parametrize(("balance", "weight"), [(0.0, 1.0), (0.5, 3.0), (1.0, 9.0)])
def test_a_rare_findings_presence_weighs_more(balance: float, weight: float) -> None:
    frames = _frames([[row == 0] for row in range(10)])
    recipe = dataclasses.replace(Recipe(), balance=balance)
    assert presence_weight(frames, recipe).tolist() == pytest.approx([weight])
