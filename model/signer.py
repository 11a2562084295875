"""Who signs bundles: elliptic-curve keys, and certificates of a hospital's own authority.

The kinds of keys, their hashes and their ids are those of the OpenSSF model-signing format, so that
`model_signing verify` takes what is signed here and the other way round. Nothing asks the network.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Self, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    ExtensionType,
    KeyUsage,
    load_der_x509_certificate,
    load_pem_x509_certificate,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from endolink.model.errors import BundleSignatureInvalid, BundleSignerUnknown, SigningKeyUnusable

Found = TypeVar("Found", bound=ExtensionType)

_HASH_OF_CURVE: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_KINDS: Final = "an elliptic-curve key on P-256, P-384 or P-521"
_MOST_BYTES: Final = 1 << 20
_MOST_CERTIFICATES: Final = 8
_BLOCK: Final = re.compile(
    rb"-----BEGIN (PUBLIC KEY|CERTIFICATE)-----\r?\n.+?-----END \1-----", re.DOTALL
)
_TRUST: Final = (
    "trust whoever signed it by its public key or its authority's certificate (--signer FILE, "
    "ENDOLINK_SIGNERS), or sign it with a key that is trusted (`endolink bundle sign`)"
)


@dataclass(frozen=True)
class PublicKey:
    """What checks signatures; it may be given to anybody."""

    key: ec.EllipticCurvePublicKey

    def __post_init__(self) -> None:
        if self.key.curve.name not in _HASH_OF_CURVE:
            raise ValueError(f"not {_KINDS}")

    @cached_property
    def id(self) -> str:
        """The format's name of the key: SHA-256, in hex, of its PEM."""
        return hashlib.sha256(self.to_pem()).hexdigest()

    def to_pem(self) -> bytes:
        """Write the key in PEM (SubjectPublicKeyInfo)."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Say whether `signature` (ECDSA, DER) is this key's of `message`."""
        try:
            self.key.verify(signature, message, ec.ECDSA(_HASH_OF_CURVE[self.key.curve.name]))
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """What signs bundles; it stays offline, with whoever releases models."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def read(cls, path: Path, ask: Callable[[], str] | None = None) -> Self:
        """Read a private key in PEM; `ask` gives the passphrase of one that has one.

        Raises
        ------
        SigningKeyUnusable
            There is none, it is of another kind, others may read it, or the passphrase is wrong.
        """
        try:
            if path.stat().st_mode & 0o077:
                raise SigningKeyUnusable(f"{path}: others may read this key; chmod 600 {path}")
            data = path.read_bytes()
            try:
                key = load_pem_private_key(data, password=None)
            except TypeError:
                if ask is None:
                    raise
                key = load_pem_private_key(data, password=ask().encode())
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise TypeError
            return cls(key)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SigningKeyUnusable(
                f"{path}: {_KINDS} in PEM cannot be read from it, or its passphrase is another; "
                "`endolink bundle key FILE` makes one"
            ) from error

    @classmethod
    def create(cls, path: Path, passphrase: str | None = None) -> Self:
        """Make a new key on P-256 at `path`, for its owner's eyes only, and `path` + .pub.

        Raises
        ------
        SigningKeyUnusable
            The file exists, or cannot be written.
        """
        made = cls(ec.generate_private_key(ec.SECP256R1()))
        how = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        private = made._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(private)
            public_path(path).write_bytes(made.public.to_pem())
        except FileExistsError as error:
            raise SigningKeyUnusable(
                f"{path}: there is a key already; it is not replaced"
            ) from error
        except OSError as error:
            raise SigningKeyUnusable(f"{path}: cannot be written: {error.strerror}") from error
        return made

    def sign(self, message: bytes) -> bytes:
        """Sign `message`: ECDSA, in DER."""
        return self._key.sign(message, ec.ECDSA(_HASH_OF_CURVE[self._key.curve.name]))


@dataclass(frozen=True)
class Signers:
    """Who is trusted to sign bundles: keys by their id, and authorities whose certificates are."""

    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    authorities: tuple[Certificate, ...] = ()

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Self:
        """Read public keys and certificates in PEM, any number of either in each file.

        Raises
        ------
        SigningKeyUnusable
            A file holds neither, or one that is of another kind.
        """
        keys: dict[str, PublicKey] = {}
        authorities: list[Certificate] = []
        for path in paths:
            try:
                blocks = list(_BLOCK.finditer(_read(path)))
                for block in blocks:
                    if block[1] == b"CERTIFICATE":
                        authorities.append(load_pem_x509_certificate(block[0]))
                    else:
                        key = _public_key(load_pem_public_key(block[0]))
                        keys[key.id] = key
                if not blocks:
                    raise ValueError("nothing in PEM")
            except (OSError, ValueError, UnsupportedAlgorithm) as error:
                raise SigningKeyUnusable(
                    f"{path}: neither a public key ({_KINDS}) nor a certificate in PEM can be read "
                    "from it; `endolink bundle key FILE` writes FILE.pub, which is one"
                ) from error
        return cls(keys, tuple(authorities))

    def of_key(self, hint: str | None, message: bytes, signature: bytes) -> str:
        """Name whoever signed `message`; `hint` is the key's id, where the signature has it.

        Raises
        ------
        BundleSignerUnknown, BundleSignatureInvalid
            It is nobody's that is trusted; or not the signature of the key that it names.
        """
        asked = [key for key in self.keys.values() if hint in {None, "", key.id}]
        for key in asked:
            if key.signed(message, signature):
                return f"key {short(key.id)}"
        if hint and asked:
            raise BundleSignatureInvalid(
                f"the signature is not key {short(hint)}'s of what it lies beside; sign it again"
            )
        raise BundleSignerUnknown(
            f"it is signed with {'key ' + short(hint) if hint else 'a key'}, which is not trusted "
            f"here; {_TRUST}"
        )

    def of_certificate(self, chain: Iterable[bytes], message: bytes, signature: bytes) -> str:
        """Name whoever signed `message` with the first certificate of `chain` (DER).

        The chain is judged as of the moment from which the first certificate holds, as the format's
        own program does: nothing says when something was signed, and a model does not become worse
        when a certificate ends. Who is not to be trusted any more is taken out of the signers.

        Raises
        ------
        BundleSignerUnknown, BundleSignatureInvalid
            No authority that is trusted stands behind it; or it is not the signature of that.
        """
        try:
            given = [load_der_x509_certificate(each) for each in chain]
            if not 1 <= len(given) <= _MOST_CERTIFICATES:
                raise ValueError("no certificate, or too many")
            leaf, *between = given
            key = _public_key(leaf.public_key())
        # What reads certificates lets out ValueError, TypeError, InvalidVersion and others, some
        # only when a part is asked for; whatever it is, the certificate is at fault.
        except Exception as error:
            raise _unreadable() from error
        name = f"certificate {short(leaf.fingerprint(hashes.SHA256()).hex())}"
        try:
            if not self.authorities:
                raise VerificationError("no authority")
            PolicyBuilder().store(Store(list(self.authorities))).time(
                leaf.not_valid_before_utc
            ).extension_policies(
                ca_policy=_OF_AUTHORITIES, ee_policy=_OF_SIGNERS
            ).build_client_verifier().verify(leaf, between)
        except VerificationError as error:
            raise BundleSignerUnknown(
                f"it is signed with {name}, and no authority that is trusted here stands behind "
                f"that for signing; {_TRUST}"
            ) from error
        except Exception as error:
            raise _unreadable() from error
        if not key.signed(message, signature):
            raise BundleSignatureInvalid(
                f"the signature is not {name}'s of what it lies beside; sign it again"
            )
        return name


def _unreadable() -> BundleSignatureInvalid:
    return BundleSignatureInvalid(
        "its certificates cannot be read, or are not for such signatures; sign it again"
    )


def read_chain(path: Path, key: PublicKey) -> tuple[bytes, ...]:
    """Read a certificate of `key`, and those between it and its authority, from PEM into DER.

    Raises
    ------
    SigningKeyUnusable
        There is none, or the first is another key's.
    """
    try:
        found = [
            load_pem_x509_certificate(block[0])
            for block in _BLOCK.finditer(_read(path))
            if block[1] == b"CERTIFICATE"
        ]
        if not found or _public_key(found[0].public_key()).id != key.id:
            raise ValueError("of another key")
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyUnusable(
            f"{path}: its first certificate in PEM is not one of the key that is to sign"
        ) from error
    return tuple(each.public_bytes(Encoding.DER) for each in found)


def public_path(path: Path) -> Path:
    """Say where the public half of the key at `path` lies."""
    return path.with_name(path.name + ".pub")


def short(identity: str) -> str:
    """Shorten a SHA-256 in hex to what tells a hospital's keys apart."""
    return identity[:16]


def _public_key(key: object) -> PublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError(f"not {_KINDS}")
    return PublicKey(key)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("too long for keys")
    return data


def _may_certify(_: Policy, certificate: Certificate, constraints: BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("not an authority's certificate")
    usage = _extension(certificate, KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("not for certifying others")


def _may_sign(_: Policy, certificate: Certificate, __: ExtensionType | None) -> None:
    usage = _extension(certificate, KeyUsage)
    purposes = _extension(certificate, ExtendedKeyUsage)
    if not (
        (usage is not None and usage.digital_signature)
        or (purposes is not None and ExtendedKeyUsageOID.CODE_SIGNING in purposes)
    ):
        raise ValueError("not for signing")


def _extension(certificate: Certificate, kind: type[Found]) -> Found | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None


_OF_AUTHORITIES: Final = ExtensionPolicy.permit_all().require_present(
    BasicConstraints, Criticality.AGNOSTIC, _may_certify
)
_OF_SIGNERS: Final = ExtensionPolicy.permit_all().may_be_present(
    KeyUsage, Criticality.AGNOSTIC, _may_sign
)
