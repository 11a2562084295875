import numpy as np
import torch

from endolink.training.frames import Drawings, Frames
from endolink.training.loss import Loss, Targets, presence_weight, targets
from endolink.training.network import Outputs
from endolink.training.recipe import Recipe


def _frames() -> Frames:
    squares = np.zeros((4, 32, 32, 4), np.uint8)
    present = np.array([[True, False], [False, True], [False, False], [False, False]])
    known = np.ones((4, 2), bool)
    known[3, 1] = False
    drawings = Drawings(squares, squares[..., 0], np.ones(4, bool), 0)
    return Frames(squares, np.arange(4), present, known, np.arange(4), drawings)


def _outputs(logits: torch.Tensor, maps: torch.Tensor) -> Outputs:
    return Outputs(logits, torch.zeros(len(logits), 1), maps)


def test_what_is_unknown_is_not_asked_for() -> None:
    frames = _frames()
    loss = Loss(Recipe(smoothing=0.0, balance=0.0), frames, torch.device("cpu"))
    right = targets(frames, np.arange(4))
    logits = torch.zeros(4, 2)
    other = logits.clone()
    other[3, 1] = 9.0
    assert loss.labels(logits, right) == loss.labels(other, right)
    assert loss.labels(logits, right).item() == np.float32(np.log(2))


def test_a_rare_finding_weighs_more() -> None:
    weight = presence_weight(_frames(), Recipe(balance=1.0))
    assert weight.tolist() == [3.0, 2.0]


def test_a_map_is_held_to_the_outline() -> None:
    loss = Loss(Recipe(), _frames(), torch.device("cpu"))
    outline = torch.zeros(1, 32, 32, dtype=torch.uint8)
    outline[:, 8:24, 8:24] = 255
    present, known = torch.tensor([[True, False]]), torch.tensor([[True, True]])
    right = Targets(present, known, outline, torch.tensor([True]))
    maps = torch.full((1, 2, 4, 4), -5.0)
    values = {}
    for name, cells in (("right", np.s_[1:3]), ("beside", np.s_[2:4]), ("nowhere", np.s_[:0])):
        drawn = maps.clone()
        drawn[:, 0, cells, cells] = 5.0
        values[name] = loss(_outputs(torch.zeros(1, 2), drawn), right).item()
    assert values["right"] < values["beside"] < values["nowhere"] + 2
    assert values["right"] < values["nowhere"]
    untraced = Targets(present, known, outline, torch.tensor([False]))
    plain = loss.labels(torch.zeros(1, 2), right).item()
    assert loss(_outputs(torch.zeros(1, 2), maps), untraced).item() == plain
    without = Loss(Recipe(outline=0.0), _frames(), torch.device("cpu"))
    assert without(_outputs(torch.zeros(1, 2), maps), right).item() == plain
