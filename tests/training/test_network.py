from pathlib import Path

import pytest
import torch

from endolink.model.errors import TrainingRefused
from endolink.training.network import Architecture, Network


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "resnet18"])
def test_the_logits_are_the_mean_of_the_activation_and_the_bias(name: str) -> None:
    network = Network(Architecture(name), 3, None).eval()
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.normal_(network.head.bias)
    with torch.inference_mode():
        output = network(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, 3)
    assert output.activation.shape == (2, 3, 2, 3)
    assert output.embedding.shape == (2, network.head.in_features)
    mean = output.activation.mean((2, 3)) + network.head.bias
    assert torch.allclose(mean, output.logits, atol=1e-4)


def test_weights_are_loaded_from_a_file_without_its_head(tmp_path: Path) -> None:
    narrow = Architecture("mobilenet_v2", width=0.25)
    torch.manual_seed(1)
    source = Network(narrow, 3, None)
    state = {f"features.{key}": value for key, value in source.features.state_dict().items()}
    torch.save({**state, "classifier.1.weight": torch.zeros(7, 7)}, tmp_path / "weights.pth")
    loaded = Network(narrow, 5, str(tmp_path / "weights.pth"))
    for key, value in loaded.features.state_dict().items():
        assert torch.equal(value, source.features.state_dict()[key]), key


@pytest.mark.parametrize("wrong", ["missing", "unexpected", "shape", "pickle", "absent"])
def test_weights_of_another_network_are_refused(tmp_path: Path, wrong: str) -> None:
    narrow = Architecture("mobilenet_v2", width=0.25)
    features = Network(narrow, 3, None).features.state_dict()
    state = {f"features.{key}": value for key, value in features.items()}
    path = tmp_path / "weights.pth"
    if wrong == "missing":
        state.pop("features.0.0.weight")
    elif wrong == "unexpected":
        state["features.99.weight"] = torch.zeros(1)
    elif wrong == "shape":
        state["features.0.0.weight"] = torch.zeros(1)
    if wrong == "pickle":
        path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    elif wrong != "absent":
        torch.save(state, path)
    with pytest.raises(TrainingRefused, match=r"weights\.pth"):
        Network(narrow, 3, str(path))


def test_a_network_that_does_not_exist_or_has_no_map_is_refused() -> None:
    with pytest.raises(TrainingRefused, match="no classification network called 'vision'"):
        Network(Architecture("vision"), 3, None)
    with pytest.raises(TrainingRefused, match=r"cannot be made 0\.5 times as wide"):
        Network(Architecture("resnet18", width=0.5), 3, None)
    with pytest.raises(TrainingRefused, match="no convolutional features"):
        Network(Architecture("vit_b_32"), 3, None)


@pytest.mark.shared
def test_the_shared_imagenet_weights_load(shared: Path) -> None:
    path = shared / "weights" / "mobilenet_v2_imagenet_features.pth"
    network = Network(Architecture(), 5, str(path))
    stored = torch.load(path, weights_only=True)
    assert torch.equal(network.features.state_dict()["0.0.weight"], stored["features.0.0.weight"])
