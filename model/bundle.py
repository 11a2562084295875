"""A bundle: an exported network on disk, with all that is needed to serve it.

colonoscopy/
    manifest.json      what everything else is, with hashes
    model.onnx         the network: `image` in; `logits`, `embedding`, `activation` out
    familiarity.npz    statistics of the embedding
    MODEL_CARD.md      what a person must know before they use it
    model.sig          who vouches for all of it, where somebody does (model/signature.py)
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endolink.model.egress import require
from endolink.model.errors import BundleInvalid, BundleMissing, BundleSelfTestFailed, BundleTampered
from endolink.model.familiarity import Familiarity
from endolink.model.manifest import Artifact, Manifest, SelfTest, Variant
from endolink.model.runtime import Provider, Session

BUNDLED = Path(__file__).parent / "bundles" / "colonoscopy"
"""The one bundle that comes with every installation."""

SHIPPED: Final = "sha256:d55bbc4237de901fa5432654d2d2dfbb8aeeefa75b87862d52b54ab6e09a29c5"
"""Its digest: whatever else has another one, wherever it lies."""

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "model.sig"
_MAX_MANIFEST_BYTES = 4 << 20
_MAX_ARTIFACT_BYTES = 1 << 30
_SELF_TEST_CELLS = 8


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle: its files' bytes are those that its manifest describes.

    `digest` is `sha256:` and the manifest's own hash; since the manifest holds the hashes of all
    the other files, it names the whole. `signature` is what lies beside them, unread.
    """

    path: Path
    manifest: Manifest
    digest: str
    files: Mapping[str, bytes]
    signature: bytes | None = None

    @property
    def shipped(self) -> bool:
        """Whether this is the one that comes with EndoLink, to the last bit."""
        return self.digest == SHIPPED

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256, in hex, of the bytes of every file that was read, by its name."""
        return {
            **{item.file: item.sha256 for item in self.manifest.artifacts()},
            MANIFEST: self.digest.removeprefix("sha256:"),
        }

    @classmethod
    def open(cls, path: Path | None = None) -> "Bundle":
        """Read and verify the bundle in folder `path`; None is the one that comes with EndoLink.

        Raises
        ------
        BundleMissing
            `path` is no folder with a manifest.
        BundleInvalid
            The manifest breaks the schema; the message names the field.
        BundleTampered
            A file is missing, or is not the one that the manifest describes.
        """
        folder = path or BUNDLED
        data = _read(folder / MANIFEST, _MAX_MANIFEST_BYTES)
        if data is None:
            raise BundleMissing(
                f"{folder} holds no {MANIFEST} that can be read; "
                "give the folder that `endolink export` wrote"
            )
        manifest = Manifest.from_json(data)
        files = {item.file: _verified(folder, item) for item in manifest.artifacts()}
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        return cls(folder, manifest, digest, files, _read(folder / SIGNATURE, _MAX_MANIFEST_BYTES))

    def session(
        self, variant: Variant, *, provider: Provider = "auto", threads: int | None = None
    ) -> Session:
        """Load the network of `variant`, check it against its stored logits and warm it up.

        Raises
        ------
        ProviderUnavailable
            The provider asked for is not here, or not one that this variant's gate was passed on.
        BundleInvalid
            The graph lacks one of the contract's outputs.
        BundleSelfTestFailed
            The network loads, but does not give the numbers that it was exported with.
        """
        session = Session.open(
            self.files[variant.network.file],
            provider=provider,
            threads=threads,
            precision=variant.precision,
            # Full precision is the same wherever it runs, or the self-test says otherwise.
            gated_on=None if variant.precision == "fp32" else variant.gated_on,
        )
        size = self.manifest.preprocess.size
        outputs = session.run(self_test_input(variant.self_test.seed, size))
        missing = {"logits", "embedding", "activation"} - outputs.keys()
        if missing:
            raise BundleInvalid(
                f"{variant.network.file}: the graph has no output {', '.join(sorted(missing))}"
            )
        _check(variant.self_test, outputs["logits"][0], session.provider)
        session.warm_up(size)
        return session

    def familiarity(self, variant: Variant) -> Familiarity:
        """Read the familiarity's statistics of `variant`.

        Raises
        ------
        BundleInvalid
            The file has the right hash and yet is no such statistics.
        """
        name = variant.familiarity.statistics.file
        try:
            return Familiarity.from_bytes(self.files[name])
        except ValueError as error:
            raise BundleInvalid(f"{name}: {error}") from error


def describe(file: str, data: bytes) -> Artifact:
    """Describe the bytes of one file, as its entry in the manifest."""
    return Artifact(file=file, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def write(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """Write a bundle into `folder`, made if it is not there, and open it again.

    The manifest goes last, so that an interrupted write is refused and never half believed. A
    signature that is there is removed: it was of what was there before.

    Raises
    ------
    BundleTampered
        `files` are not those that `manifest` describes.
    EgressRefused
        No rule lets `model-updates` go there.
    """
    require(frozenset({"model-updates"}), folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SIGNATURE).unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST).write_bytes(manifest.to_json())
    return Bundle.open(folder)


def self_test_input(seed: int, size: int) -> NDArray[np.float32]:
    """Make the seeded input of a self-test: float32 [1, 3, size, size], a mosaic in [-2, 2].

    Coarse cells rather than noise: a network's answer to them is far from saturated.
    """
    cells = np.random.default_rng(seed).random((3, _SELF_TEST_CELLS, _SELF_TEST_CELLS))
    index = np.arange(size) * _SELF_TEST_CELLS // size
    mosaic = cells[:, index[:, None], index[None, :]] * 4.0 - 2.0
    return mosaic[None].astype(np.float32)


def _check(test: SelfTest, logits: NDArray[np.float32], provider: str) -> None:
    difference = float(np.max(np.abs(logits - np.asarray(test.logits))))
    # Written so that a NaN fails, too.
    if not difference <= test.tolerance:
        raise BundleSelfTestFailed(
            f"on {provider} a logit is off by {difference:.3g}, more than {test.tolerance:.3g}: "
            "the runtime or the file is damaged; try another --provider, or export again"
        )


def _verified(folder: Path, item: Artifact) -> bytes:
    data = _read(folder / item.file, min(item.size, _MAX_ARTIFACT_BYTES))
    if data is None:
        raise BundleTampered(f"{item.file}: missing, unreadable or not {item.size} bytes long")
    if hashlib.sha256(data).hexdigest() != item.sha256:
        raise BundleTampered(f"{item.file}: its SHA-256 is not the one in {MANIFEST}")
    return data


def _read(path: Path, most: int) -> bytes | None:
    """Read a file of at most `most` bytes; None where there is none, or it is longer."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError:
        return None
    return data if len(data) <= most else None
