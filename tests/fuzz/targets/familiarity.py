"""The statistics of a bundle's familiarity: arrays in an `.npz` file."""

import io
import zipfile

import numpy as np

from endolink.model.familiarity import Familiarity

LONGEST = 16_384


def check(data: bytes) -> None:
    """Read the rule; one that is read can be asked about an embedding."""
    try:
        rule = Familiarity.from_bytes(data)
    except ValueError as error:
        assert str(error)
        return
    embedding = np.zeros((1, len(rule.mean)), np.float32)
    assert rule.score(embedding).shape == (1,)


def seeds() -> dict[str, bytes]:
    """A small rule, one that promises vast arrays, and one that unpacks to much."""
    rows = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32)
    whole = Familiarity.fit(rows[:12], rows[12:], 3).to_bytes()
    arrays = dict(np.load(io.BytesIO(whole)))
    return {
        "whole": whole,
        "plain": _packed(arrays),
        "vast": _packed(arrays, mean=_array(b"(1000000000000,)")),
        "bomb": _packed(arrays, mean=_array(b"(4000000,)") + bytes(16_000_000)),
        "object": _packed(arrays, mean=_array(b"(1,)", b"|O") + b"cos\nsystem\n."),
        "shapes": _packed(arrays, mean=_array(b"(2, 2)") + bytes(16)),
        "nested": _packed(arrays, mean=_array(b"(" * 3000)),
    }


def _array(shape: bytes, kind: bytes = b"<f4") -> bytes:
    head = b"{'descr': '%b', 'fortran_order': False, 'shape': %b, }\n" % (kind, shape)
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


def _packed(arrays: dict[str, np.ndarray], **raw: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, array in arrays.items():
            held = io.BytesIO()
            np.save(held, array)
            data = raw.get(name, held.getvalue())
            packed.writestr(zipfile.ZipInfo(f"{name}.npy"), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
