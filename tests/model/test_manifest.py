import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endolink.model.bundle import Bundle
from endolink.model.errors import BundleInvalid
from endolink.model.manifest import Manifest


@pytest.fixture(scope="module")
def text(tiny: Path) -> bytes:
    return (tiny / "manifest.json").read_bytes()


@pytest.fixture(scope="module")
def bundled() -> Manifest:
    return Bundle.open().manifest


def test_it_is_read_back_as_it_was_written(text: bytes) -> None:
    assert Manifest.from_json(text).to_json() == text


def _set(*path: str | int, value: object) -> Callable[[Any], None]:
    def change(tree: Any) -> None:
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("schema_version", value=2), "schema_version"),
        (_set("name", value="../up"), "name"),
        (_set("version", value="new"), "version"),
        (_set("findings", value=["polyp", "polyp", "cecum"]), "a code stands twice"),
        (_set("findings", value=["polyp", "unicorn", "cecum"]), "not in the vocabulary: unicorn"),
        (_set("findings", value=["cecum", "polyp", "bbps-2-3"]), "not one for each finding"),
        (_set("findings", value=[]), "findings"),
        (_set("preprocess", "size", value=0), "preprocess.size"),
        (_set("variants", 0, "temperature", value=0), "variants.0.temperature"),
        (_set("variants", 0, "network", "file", value="../model.onnx"), "variants.0.network.file"),
        (_set("variants", 0, "network", "file", value=".hidden"), "variants.0.network.file"),
        (_set("variants", 0, "network", "sha256", value="00"), "variants.0.network.sha256"),
        (_set("variants", 0, "self_test", "logits", value=[0.0]), "self_test.logits"),
        (_set("variants", 0, "gates", value=[{}]), "variants.0.gates.0.provider"),
        (_set("surprise", value=1), "surprise"),
    ],
)
def test_a_broken_manifest_is_refused_by_its_field(
    text: bytes, change: Callable[[Any], None], message: str
) -> None:
    tree = json.loads(text)
    change(tree)
    with pytest.raises(BundleInvalid, match=message.replace(".", r"\.")):
        Manifest.from_json(json.dumps(tree).encode())


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_mutated_bytes_are_read_or_refused_and_nothing_else(
    text: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    with_byte = data.draw(st.binary(max_size=3))
    with suppress(BundleInvalid):
        Manifest.from_json(text[:at] + with_byte + text[at + 1 :])


def test_a_precision_that_is_not_held_is_named(text: bytes) -> None:
    manifest = Manifest.from_json(text)
    assert manifest.variant("fp32").precision == "fp32"
    with pytest.raises(BundleInvalid, match="no int8 in bundle tiny; it holds fp32"):
        manifest.variant("int8")


def test_the_fastest_precision_is_one_that_passed_its_gate_on_the_provider(
    bundled: Manifest,
) -> None:
    int8 = bundled.variant("int8")
    assert bundled.fastest("cpu") == int8
    assert bundled.fastest("openvino") == bundled.variant("fp32")
    slow = replace(int8, gates=tuple(replace(gate, speedup=0.9) for gate in int8.gates))
    assert replace(bundled, variants=(bundled.variants[0], slow)).fastest("cpu").precision == "fp32"


def test_a_precision_stands_once(text: bytes) -> None:
    tree = json.loads(text)
    tree["variants"] *= 2
    with pytest.raises(BundleInvalid, match="a precision stands twice"):
        Manifest.from_json(json.dumps(tree).encode())
