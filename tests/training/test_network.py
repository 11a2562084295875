from dataclasses import replace
from pathlib import Path

import pytest
import torch

from endolink.model.errors import TrainingRefused
from endolink.training.network import Architecture, Network


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "resnet18", "alexnet"])
def test_the_logits_are_the_maps_pooled_between_their_mean_and_their_maximum(name: str) -> None:
    network = Network(Architecture(name), 3, None).eval()
    torch.nn.init.normal_(network.head.maps.weight)
    with torch.inference_mode():
        output = network(torch.randn(2, 3, 128, 192))
    maps = output.activation
    assert output.logits.shape == maps.shape[:2] == (2, 3)
    assert output.embedding.shape == (2, network.head.in_features)
    assert (output.logits >= maps.mean((2, 3)) - 1e-4).all()
    assert (output.logits <= maps.amax((2, 3)) + 1e-4).all()
    sharp = network.head.log_sharpness.detach().exp()
    pooled = (maps * sharp[:, None, None]).exp().mean((2, 3)).log() / sharp
    assert torch.allclose(pooled, output.logits, atol=1e-3)


def test_the_maps_are_twice_as_fine_as_the_last_features() -> None:
    network = Network(Architecture("mobilenet_v2", width=0.25), 2, None).eval()
    with torch.inference_mode():
        output = network(torch.zeros(1, 3, 224, 160))
    assert output.activation.shape[2:] == (14, 10)


def test_a_stem_is_loaded_folded_and_never_trained() -> None:
    narrow = Architecture("mobilenet_v2", width=0.25)
    torch.manual_seed(0)
    stemmed = Network(replace(narrow, stem=3), 2, None)
    assert not any(part.requires_grad for part in stemmed.features[:3].parameters())
    assert all(part.requires_grad for part in stemmed.features[3:].parameters())
    stemmed.thaw(frozen=True)
    stemmed.thaw(frozen=False)
    stemmed.train()
    assert not any(part.requires_grad for part in stemmed.features[:3].parameters())
    assert not stemmed.features[0].training
    assert stemmed.features[3].training
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in stemmed.features[:3].modules())


def test_folding_leaves_the_features_as_they_were(tmp_path: Path) -> None:
    narrow = Architecture("mobilenet_v2", width=0.25)
    source = Network(narrow, 2, None).eval()
    state = {f"features.{key}": value for key, value in source.features.state_dict().items()}
    torch.save(state, tmp_path / "weights.pth")
    folded = Network(replace(narrow, stem=4), 2, str(tmp_path / "weights.pth")).eval()
    picture = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = source.features(picture)
        assert torch.allclose(folded.features(picture), wanted, atol=1e-3)


def test_a_stem_leaves_something_to_learn() -> None:
    with pytest.raises(TrainingRefused, match="99 cannot be kept"):
        Network(Architecture("mobilenet_v2", stem=99), 2, None)


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
