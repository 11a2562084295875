"""The manifest of a bundle, and the bundle that it describes."""

import hashlib
import json
from functools import cache
from typing import Any

from endolink.model.bundle import BUNDLED, MANIFEST, Bundle
from endolink.model.errors import BundleError
from endolink.model.manifest import Manifest
from tests.fuzz import scratch

LONGEST = 16_384
_FILE = b"what the manifest describes"


def check(data: bytes) -> None:
    """Read a manifest: it is written and read as the same, and its bundle opens or is refused."""
    _files()
    try:
        manifest = Manifest.from_json(data)
        assert Manifest.from_json(manifest.to_json()) == manifest
    except BundleError as error:
        assert error.detail
        return
    scratch.file("bundle", MANIFEST, data)
    try:
        bundle = Bundle.open(scratch.folder("bundle"))
    except BundleError as error:
        assert error.detail
        return
    assert set(bundle.files.values()) == {_FILE}


@cache
def _files() -> None:
    for name in ("model.onnx", "familiarity.npz", "MODEL_CARD.md"):
        scratch.file("bundle", name, _FILE)


def seeds() -> dict[str, bytes]:
    """The shipped manifest, cut to one finding and one variant; and with names that lead away."""
    whole: dict[str, Any] = json.loads((BUNDLED / MANIFEST).read_bytes())
    variant = whole["variants"][0]
    artifact = {"size": len(_FILE), "sha256": hashlib.sha256(_FILE).hexdigest()}
    variant |= {
        "network": artifact | {"file": "model.onnx"},
        "operating_points": variant["operating_points"][:1],
        "gates": variant.get("gates", [])[:1],
        "familiarity": {"statistics": artifact | {"file": "familiarity.npz"}, "threshold": 0.05},
        "self_test": variant["self_test"] | {"logits": variant["self_test"]["logits"][:1]},
    }
    small = whole | {
        "findings": whole["findings"][:1],
        "variants": [variant],
        "card": artifact | {"file": "MODEL_CARD.md"},
        "reports": [],
        "evaluation": [whole["evaluation"][0] | {"figures": whole["evaluation"][0]["figures"][:2]}],
        "provenance": whole["provenance"] | {"sources": whole["provenance"]["sources"][:1]},
        "reference": dict(list(whole["reference"].items())[:1]),
        "notice": "n",
    }
    away = small | {"card": artifact | {"file": "../escaped"}}
    large = small | {"card": artifact | {"file": "MODEL_CARD.md", "size": 2**62}}
    figures = [whole["evaluation"][0]["figures"][0] | {"value": float("nan")}]
    nan = small | {"evaluation": [whole["evaluation"][0] | {"figures": figures}]}
    written = {"small": small, "away": away, "large": large, "nan": nan}
    made = {name: json.dumps(manifest).encode() for name, manifest in written.items()}
    return made | {"deep": b'{"name":' * 2000, "infinite": made["small"].replace(b"0.05", b"1e999")}
