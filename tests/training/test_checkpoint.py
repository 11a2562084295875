import dataclasses
from pathlib import Path

import pytest
import torch

from endolink.model.errors import TrainingRefused
from endolink.training.checkpoint import load, read, write
from endolink.training.inference import make
from tests.training.conftest import TINY


def test_what_is_written_is_loaded_as_the_same_network(tmp_path: Path) -> None:
    network = make(TINY, 2)
    findings = ["polyp", "cecum"]
    stored = {
        "recipe": dataclasses.asdict(TINY),
        "findings": findings,
        "best": network.state_dict(),
    }
    write(tmp_path / "checkpoint.pt", stored)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    recipe, found, loaded = load(tmp_path / "checkpoint.pt")
    assert (recipe, found, loaded.training) == (TINY, ("polyp", "cecum"), False)
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, network.state_dict()[key])


def test_a_stop_while_writing_leaves_the_last_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    write(path, {"epoch": 1})

    def stopped(_: object, unfinished: Path) -> None:
        unfinished.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        write(path, {"epoch": 2})
    assert read(path) == {"epoch": 1}


@pytest.mark.parametrize("content", [b"", b"damaged", b"cos\nsystem\n(S'true'\ntR."])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(TrainingRefused, match="no checkpoint that can be read"):
        read(tmp_path / "checkpoint.pt")
