"""Signatures of bundles, here and by the format's own program, in both directions."""

import json
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from endolink.model.bundle import BUNDLED, MANIFEST, SHIPPED, SIGNATURE, Bundle, write
from endolink.model.classifier import Classifier
from endolink.model.errors import (
    BundleError,
    BundleInvalid,
    BundleSignatureInvalid,
    BundleSignerUnknown,
    BundleTampered,
    BundleUnsigned,
    BundleUntrusted,
)
from endolink.model.signature import Signature, check, sign
from endolink.model.signer import Signers, SigningKey, public_path, read_chain
from tests.model.certificates import party, pem

FIELDS = ("mediaType", "verificationMaterial", "publicKey", "hint", "dsseEnvelope", "payload")
CURVES = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())


def key_on(curve: ec.EllipticCurve, path: Path) -> SigningKey:
    path.touch(mode=0o600)
    key = ec.generate_private_key(curve)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made = SigningKey.read(path)
    public_path(path).write_bytes(made.public.to_pem())
    return made


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    copied = Path(shutil.copytree(tiny, tmp_path / "my bundle"))
    # Not read for serving, and signed all the same.
    (copied / "LICENSE").write_text("Ours.\n")
    (copied / "figures").mkdir()
    (copied / "figures" / "roc.txt").write_text("0.9\n")
    (copied / ".gitignore").write_text("*\n")
    return copied


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.create(tmp_path / "release.key")


@pytest.fixture
def signers(key: SigningKey, tmp_path: Path) -> Signers:
    return Signers.read([tmp_path / "release.key.pub"])


@pytest.fixture
def signed(folder: Path, key: SigningKey) -> Path:
    sign(Bundle.open(folder), key)
    return folder


def program(*words: str | Path) -> int:
    """Run the program that the OpenSSF publishes."""
    command = [sys.executable, "-m", "model_signing", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def told_by_program(folder: Path, public: Path) -> bool:
    options = "--signature", folder / SIGNATURE, "--public_key", public
    return program("verify", "key", folder, *options) == 0


def told_here(folder: Path, public: Path) -> bool:
    try:
        check(Bundle.open(folder), Signers.read([public]))
    except BundleError:
        return False
    return True


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_what_is_signed_here_the_formats_own_program_takes(
    folder: Path, curve: ec.EllipticCurve, tmp_path: Path
) -> None:
    sign(Bundle.open(folder), key_on(curve, tmp_path / "k"))
    assert told_by_program(folder, tmp_path / "k.pub")
    assert told_here(folder, tmp_path / "k.pub")
    with (folder / "LICENSE").open("a") as file:
        file.write("Or not.\n")
    assert not told_by_program(folder, tmp_path / "k.pub")


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_what_the_formats_own_program_signs_is_taken_here(
    folder: Path, curve: ec.EllipticCurve, tmp_path: Path
) -> None:
    key_on(curve, tmp_path / "k")
    options = "--signature", folder / SIGNATURE, "--private_key", tmp_path / "k"
    assert program("sign", "key", folder, *options) == 0
    assert told_here(folder, tmp_path / "k.pub")
    key_on(curve, tmp_path / "other")
    assert not told_here(folder, tmp_path / "other.pub")


def test_certificates_are_taken_in_both_directions(folder: Path, tmp_path: Path) -> None:
    root = party("root", authority=True)
    between = party("between", root, authority=True, path_length=0)
    release = party("release", between)
    trusted = pem(tmp_path / "root.pem", root)
    chain = pem(tmp_path / "chain.pem", release, between)
    path = release.write_key(tmp_path / "release.key")
    stranger = pem(tmp_path / "stranger.pem", party("root", authority=True))

    signature = folder / SIGNATURE
    options = "--signature", signature, "--certificate_chain"
    key = SigningKey.read(path)
    sign(Bundle.open(folder), key, read_chain(chain, key.public))
    assert told_here(folder, trusted)
    assert not told_here(folder, stranger)
    assert program("verify", "certificate", folder, *options, trusted) == 0
    assert program("verify", "certificate", folder, *options, stranger) != 0

    signature.unlink()
    done = program(
        *("sign", "certificate", folder, *options, pem(tmp_path / "between.pem", between)),
        *("--private_key", path, "--signing_certificate", pem(tmp_path / "one.pem", release)),
    )
    assert done == 0
    assert told_here(folder, trusted)
    assert not told_here(folder, stranger)


def test_whoever_vouches_is_named(signed: Path, key: SigningKey, signers: Signers) -> None:
    assert check(Bundle.open(signed), signers) == f"key {key.public.id[:16]}"
    assert Classifier.open(signed, provider="cpu", signers=signers).bundle.path == signed


def test_nothing_unsigned_is_opened(folder: Path, signers: Signers) -> None:
    with pytest.raises(BundleUnsigned, match=r"endolink bundle sign .*--signer FILE\.pub"):
        Classifier.open(folder, provider="cpu", signers=signers)


def test_a_strangers_signature_is_nobodys(folder: Path, signers: Signers, tmp_path: Path) -> None:
    sign(Bundle.open(folder), SigningKey.create(tmp_path / "stranger"))
    with pytest.raises(BundleSignerUnknown, match="--signer"):
        check(Bundle.open(folder), signers)


@pytest.mark.parametrize("file", ["model.onnx", "familiarity.npz", "MODEL_CARD.md", MANIFEST])
def test_one_flipped_bit_in_any_file_is_refused(signed: Path, signers: Signers, file: str) -> None:
    data = bytearray((signed / file).read_bytes())
    # In the manifest a letter of the notice, so that it stays one.
    data[data.index(b"For tests.") if file == MANIFEST else len(data) // 2] ^= 1
    (signed / file).write_bytes(data)
    with pytest.raises((BundleTampered, BundleSignatureInvalid)):
        check(Bundle.open(signed), signers)


def test_another_bundles_signature_is_refused(
    signed: Path, key: SigningKey, signers: Signers, tmp_path: Path
) -> None:
    """As whoever can write to the folder, and cannot sign, would try."""
    from tests.bundles import tiny_bundle  # noqa: PLC0415 - onnx takes a while

    other = tiny_bundle(tmp_path / "other", version="0.2.0", seed=3)
    shutil.copy(signed / SIGNATURE, other / SIGNATURE)
    with pytest.raises(BundleSignatureInvalid, match="is not what was signed"):
        check(Bundle.open(other), signers)


def test_a_file_that_the_signature_leaves_out_is_refused(
    folder: Path, key: SigningKey, signers: Signers, tmp_path: Path
) -> None:
    options = "--signature", folder / SIGNATURE, "--private_key", tmp_path / "release.key"
    left_out = "--ignore-paths", folder / "model.onnx"
    assert program("sign", "key", folder, *options, *left_out) == 0
    assert told_by_program(folder, tmp_path / "release.key.pub")
    with pytest.raises(BundleSignatureInvalid, match=r"model\.onnx is not what was signed"):
        check(Bundle.open(folder), signers)


def test_a_list_that_contradicts_itself_is_refused(signed: Path) -> None:
    payload = json.loads(Signature.from_json((signed / SIGNATURE).read_bytes()).payload)
    resources = payload["predicate"]["resources"]
    for changed, said in ((resources[1:], "not that of"), ([*resources, resources[0]], "twice")):
        payload["predicate"]["resources"] = changed
        with pytest.raises(BundleSignatureInvalid, match=said):
            Signature(json.dumps(payload).encode(), b"").digests()


def test_where_no_key_is_named_each_that_is_trusted_is_tried(
    signed: Path, signers: Signers, tmp_path: Path
) -> None:
    edited(signed / SIGNATURE, "verificationMaterial", to={})
    assert check(Bundle.open(signed), signers)
    other = SigningKey.create(tmp_path / "other").public
    with pytest.raises(BundleSignerUnknown):
        check(Bundle.open(signed), Signers({other.id: other}))


def edited(path: Path, *where: str | int, to: object) -> None:
    """Set one field of a signature; `payload` leads into the statement."""
    tree = json.loads(path.read_text())
    envelope = tree["dsseEnvelope"]
    envelope["payload"] = json.loads(b64decode(envelope["payload"]))
    at: Any = tree
    for step in where[:-1]:
        at = at[step]
    at[where[-1]] = to
    envelope["payload"] = b64encode(json.dumps(envelope["payload"]).encode()).decode()
    path.write_text(json.dumps(tree))


STATEMENT = ("dsseEnvelope", "payload")
RESOURCE = (*STATEMENT, "predicate", "resources", 0)


@pytest.mark.parametrize(
    ("where", "to"),
    [
        (("mediaType",), "application/vnd.dev.sigstore.bundle.v0.1+json"),
        (("verificationMaterial", "publicKey", "hint"), "0" * 64),
        (("dsseEnvelope", "payloadType"), "text/plain"),
        (("dsseEnvelope", "signatures"), []),
        (("dsseEnvelope", "signatures", 0, "sig"), "AAAA"),
        (("dsseEnvelope", "signatures", 0, "sig"), "not base64!"),
        ((*STATEMENT, "subject", 0, "name"), "another"),
        ((*RESOURCE, "digest"), "0" * 64),
        ((*RESOURCE, "name"), "elsewhere.md"),
        ((*STATEMENT, "predicate", "resources"), []),
    ],
)
def test_a_signature_that_was_edited_is_refused(
    signed: Path, signers: Signers, where: tuple[str, ...], to: object
) -> None:
    edited(signed / SIGNATURE, *where, to=to)
    with pytest.raises((BundleSignatureInvalid, BundleSignerUnknown)):
        check(Bundle.open(signed), signers)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b"1" * 100_000])
def test_nonsense_for_a_signature_is_refused(signed: Path, signers: Signers, data: bytes) -> None:
    (signed / SIGNATURE).write_bytes(data)
    with pytest.raises(BundleSignatureInvalid, match="endolink bundle sign"):
        check(Bundle.open(signed), signers)


@pytest.fixture(scope="module")
def sound(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bundle, Signers, dict[str, str]]:
    folder = tmp_path_factory.mktemp("sound")
    copied = Path(shutil.copytree(tiny, folder / "bundle"))
    key = SigningKey.create(folder / "k").public
    signature = sign(Bundle.open(copied), SigningKey.read(folder / "k")).read_bytes()
    digests = Signature.from_json(signature).digests()
    return Bundle.open(copied), Signers({key.id: key}), digests


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_changed_bit_vouches_for_nothing_else(
    sound: tuple[Bundle, Signers, dict[str, str]], data: st.DataObject
) -> None:
    """Some letters of the envelope say nothing; whatever is believed is what was signed."""
    bundle, signers, digests = sound
    assert bundle.signature
    changed = bytearray(bundle.signature)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = Signature.from_json(bytes(changed))
        read.signer(signers)
        assert read.digests() == digests
        check(replace(bundle, signature=bytes(changed)), signers)
    except BundleUntrusted:
        pass


@settings(deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner),
    ).map(lambda tree: json.dumps(tree).encode())
)
def test_whatever_stands_there_is_refused_as_no_signature(data: bytes) -> None:
    with pytest.raises(BundleSignatureInvalid):
        Signature.from_json(data)


def test_what_is_checked_is_what_is_loaded(signed: Path, signers: Signers) -> None:
    """Files that change after they were checked change nothing of what answers."""
    bundle = Bundle.open(signed)
    check(bundle, signers)
    for path in signed.iterdir():
        if path.is_file():
            path.write_bytes(b"somebody else's")
    assert Classifier.of(bundle, provider="cpu").identity.digest == bundle.digest


def test_what_is_written_anew_has_no_old_signature(signed: Path) -> None:
    bundle = Bundle.open(signed)
    write(signed, bundle.manifest, bundle.files)
    assert Bundle.open(signed).signature is None


def test_a_link_is_not_signed(folder: Path, key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleInvalid, match="link"):
        sign(Bundle.open(folder), key)


def test_the_bundle_that_comes_with_it_is_known_wherever_it_lies(tmp_path: Path) -> None:
    assert Bundle.open().digest == SHIPPED, "a new one: its digest belongs into model/bundle.py"
    assert "release" in check(Bundle.open(), Signers())
    copied = Path(shutil.copytree(BUNDLED, tmp_path / "elsewhere"))
    assert "release" in check(Bundle.open(copied), Signers())
    manifest = copied / MANIFEST
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    with pytest.raises(BundleUnsigned):
        check(Bundle.open(copied), Signers())
