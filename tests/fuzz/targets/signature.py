"""The signature of a bundle, by key or certificate: read before anybody is believed."""

from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from endolink.model.errors import BundleError
from endolink.model.signature import Signature
from endolink.model.signer import PublicKey, Signers

LONGEST = 8192
_PAYLOAD = b"what was signed"


def check(data: bytes) -> None:
    """Take what begins as JSON for a signature, and anything else for a signer's certificate."""
    try:
        if data.startswith(b"{"):
            read = Signature.from_json(data)
            named = read.signer(_signers())
            # Nothing counts as signed but what was.
            assert read.payload == _PAYLOAD
            read.digests()
        else:
            named = Signature(_PAYLOAD, b"signature", None, (data,)).signer(_signers())
        assert named
    except BundleError as error:
        assert error.detail


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1001, ec.SECP256R1())


@cache
def _signers() -> Signers:
    public = PublicKey(_key().public_key())
    return Signers({public.id: public}, (_certificate(authority=True),))


def _certificate(*, authority: bool, curve: ec.EllipticCurve | None = None) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phantom")])
    key = ec.derive_private_key(1002, curve) if curve else _key()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 7, begin, begin.replace(year=2046))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(_key(), hashes.SHA256())
    )


def seeds() -> dict[str, bytes]:
    """Signatures by key, by certificate and of nobody, and certificates of other kinds."""
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(_PAYLOAD), _PAYLOAD)
    signed = _key().sign(message, ec.ECDSA(hashes.SHA256()))
    der = _certificate(authority=False).public_bytes(Encoding.DER)
    key_id = PublicKey(_key().public_key()).id
    return {
        "key": Signature(_PAYLOAD, signed, key_id).to_json(),
        "no-hint": Signature(_PAYLOAD, signed, "").to_json(),
        "certificate": Signature(_PAYLOAD, signed, None, (der, der)).to_json(),
        "nobody": Signature(b"else", signed, "0" * 64).to_json(),
        "deep": b'{"a":' * 1500,
        "der": der,
        "der-authority": _certificate(authority=True).public_bytes(Encoding.DER),
        "der-curve": _certificate(authority=False, curve=ec.SECP192R1()).public_bytes(Encoding.DER),
    }
