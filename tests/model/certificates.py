"""Certificates as a hospital's authority makes them, and as it does not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    KeyUsage,
    Name,
    NameAttribute,
    random_serial_number,
)
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Party:
    """Somebody with a key, and the certificate for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: Certificate

    def write_key(self, path: Path) -> Path:
        path.touch(mode=0o600)
        path.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return path


def party(
    name: str,
    by: Party | None = None,
    *,
    authority: bool = False,
    signs: bool | None = True,
    days: tuple[float, float] = (-10, 10),
    path_length: int | None = None,
) -> Party:
    """Make somebody whose certificate `by` signed; themselves, where there is none.

    `signs` says whether it is for signing; None says nothing of what it is for.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    usage = KeyUsage(
        digital_signature=bool(signs) and not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not signs,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(NOW + timedelta(days[0]))
        .not_valid_after(NOW + timedelta(days[1]))
        .add_extension(BasicConstraints(authority, path_length if authority else None), True)
    )
    if signs is not None:
        builder = builder.add_extension(usage, True)
    return Party(key, builder.sign(by.key if by else key, SHA256()))


def pem(path: Path, *parties: Party) -> Path:
    """Write certificates one after the other."""
    path.write_bytes(b"".join(each.certificate.public_bytes(Encoding.PEM) for each in parties))
    return path
