import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from endolink.model.errors import BundleSignatureInvalid, BundleSignerUnknown, SigningKeyUnusable
from endolink.model.signer import PublicKey, Signers, SigningKey, public_path, read_chain
from tests.model.certificates import Party, party, pem


def test_a_key_signs_and_its_public_half_checks(tmp_path: Path) -> None:
    path = tmp_path / "new" / "release.key"
    made = SigningKey.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    signers = Signers.read([public_path(path)])
    signature = SigningKey.read(path).sign(b"said")
    assert signers.of_key(made.public.id, b"said", signature) == f"key {made.public.id[:16]}"
    assert signers.of_key(None, b"said", signature)
    with pytest.raises(BundleSignatureInvalid):
        signers.of_key(made.public.id, b"other", signature)
    with pytest.raises(BundleSignatureInvalid):
        signers.of_key(made.public.id, b"said", b"nonsense")


def test_a_key_is_not_replaced(tmp_path: Path) -> None:
    SigningKey.create(tmp_path / "k")
    before = (tmp_path / "k").read_bytes()
    with pytest.raises(SigningKeyUnusable, match="not replaced"):
        SigningKey.create(tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == before


def test_a_passphrase_is_asked_for_and_must_be_right(tmp_path: Path) -> None:
    made = SigningKey.create(tmp_path / "k", "correct horse")
    assert b"ENCRYPTED" in (tmp_path / "k").read_bytes()
    assert SigningKey.read(tmp_path / "k", lambda: "correct horse").public.id == made.public.id
    for ask in (None, lambda: "battery staple"):
        with pytest.raises(SigningKeyUnusable, match="passphrase"):
            SigningKey.read(tmp_path / "k", ask)


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    SigningKey.create(tmp_path / "k")
    (tmp_path / "k").chmod(0o640)
    with pytest.raises(SigningKeyUnusable, match="chmod 600"):
        SigningKey.read(tmp_path / "k")


@pytest.mark.parametrize("kind", ["nothing", "text", "ed25519", "secp256k1"])
def test_other_keys_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "k"
    path.touch(mode=0o600)
    if kind in {"ed25519", "secp256k1"}:
        key = (
            ed25519.Ed25519PrivateKey.generate()
            if kind == "ed25519"
            else ec.generate_private_key(ec.SECP256K1())
        )
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public_path(path).write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
    else:
        path.write_text("" if kind == "nothing" else "hello")
        public_path(path).write_text(path.read_text())
    with pytest.raises(SigningKeyUnusable, match=r"P-256, P-384 or P-521"):
        SigningKey.read(path)
    with pytest.raises(SigningKeyUnusable, match=r"P-256, P-384 or P-521"):
        Signers.read([public_path(path)])


def test_a_private_key_is_nobody_who_is_trusted(tmp_path: Path) -> None:
    SigningKey.create(tmp_path / "k")
    with pytest.raises(SigningKeyUnusable, match=r"FILE\.pub"):
        Signers.read([tmp_path / "k"])


def test_a_file_that_is_too_long_or_missing_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as file:
        file.truncate(2 << 20)
    for name in ("long", "missing"):
        with pytest.raises(SigningKeyUnusable):
            Signers.read([tmp_path / name])


def test_one_file_may_hold_several_keys_so_that_they_are_replaced_in_peace(tmp_path: Path) -> None:
    old, new = (SigningKey.create(tmp_path / name) for name in ("old", "new"))
    both = tmp_path / "both"
    both.write_bytes(b"The release keys.\n" + old.public.to_pem() + b"\n" + new.public.to_pem())
    signers = Signers.read([both])
    for key in (old, new):
        assert signers.of_key(key.public.id, b"said", key.sign(b"said"))
        assert signers.of_key("", b"said", key.sign(b"said"))
    stranger = SigningKey.create(tmp_path / "stranger")
    for hint in (stranger.public.id, None):
        with pytest.raises(BundleSignerUnknown, match="--signer"):
            signers.of_key(hint, b"said", stranger.sign(b"said"))


def test_an_id_is_what_openssl_and_sha256_say(tmp_path: Path) -> None:
    SigningKey.create(tmp_path / "k")
    made = subprocess.run(
        ["openssl", "ec", "-in", tmp_path / "k", "-pubout"], capture_output=True, check=True
    )
    said = subprocess.run(["sha256sum"], input=made.stdout, capture_output=True, check=True)
    assert said.stdout.split()[0].decode() == SigningKey.read(tmp_path / "k").public.id


@pytest.fixture(scope="module")
def root() -> Party:
    return party("root", authority=True, days=(-1000, 1000))


def judge(root: Party, *chain: Party) -> str:
    signature = chain[0].key.sign(b"said", ec.ECDSA(hashes.SHA256()))
    signers = Signers(authorities=(root.certificate,))
    return signers.of_certificate(
        [each.certificate.public_bytes(Encoding.DER) for each in chain], b"said", signature
    )


def test_a_certificate_of_a_trusted_authority_signs(root: Party) -> None:
    between = party("between", root, authority=True, path_length=0)
    assert judge(root, party("release", root)).startswith("certificate ")
    assert judge(root, party("release", between), between).startswith("certificate ")


def test_an_expired_certificates_signature_stays_good(root: Party) -> None:
    assert judge(root, party("release", root, days=(-20, -10)))


def refused(root: Party) -> dict[str, tuple[Party, ...]]:
    """Give, for each reason to refuse, who is trusted and the chain that was signed with."""
    between = party("between", root, authority=True, path_length=0)
    deeper = party("deeper", between, authority=True)
    nobody = party("nobody", root)
    young = party("young", authority=True, days=(-5, 5))
    return {
        "another authority of the same name": (root, party("r", party("root", authority=True))),
        "nothing between": (root, party("r", between)),
        "longer than allowed": (root, party("r", deeper), deeper, between),
        "by somebody who is no authority": (root, party("r", nobody), nobody),
        "by itself": (root, party("r")),
        "for something else": (root, party("r", root, signs=False)),
        "for nothing that is said": (root, party("r", root, signs=None)),
        "older than its authority": (young, party("r", young, days=(-9, 9))),
    }


@pytest.mark.parametrize("reason", refused(party("root", authority=True)))
def test_what_no_authority_stands_behind_is_refused(root: Party, reason: str) -> None:
    trusted, *chain = refused(root)[reason]
    with pytest.raises(BundleSignerUnknown):
        judge(trusted, *chain)


def test_a_certificate_beside_somebody_elses_signature_is_refused(root: Party) -> None:
    one, other = party("one", root), party("other", root)
    signers = Signers(authorities=(root.certificate,))
    with pytest.raises(BundleSignatureInvalid):
        signers.of_certificate(
            [one.certificate.public_bytes(Encoding.DER)],
            b"said",
            other.key.sign(b"said", ec.ECDSA(hashes.SHA256())),
        )


@pytest.mark.parametrize("chain", [[], [b""], [b"\x30\x00"], [os.urandom(40)]])
def test_nonsense_for_certificates_is_refused(root: Party, chain: list[bytes]) -> None:
    with pytest.raises(BundleSignatureInvalid):
        Signers(authorities=(root.certificate,)).of_certificate(chain, b"said", b"")


def test_a_certificate_is_read_for_its_key_only(root: Party, tmp_path: Path) -> None:
    release, between = party("release", root), party("between", root, authority=True)
    read = read_chain(pem(tmp_path / "c", release, between), PublicKey(release.key.public_key()))
    assert [len(each) > 100 for each in read] == [True, True]
    with pytest.raises(SigningKeyUnusable, match="of the key that is to sign"):
        read_chain(pem(tmp_path / "c", between), PublicKey(release.key.public_key()))
    assert Signers.read([pem(tmp_path / "c", root)]).authorities == (root.certificate,)
