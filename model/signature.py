"""The signature of a bundle, in the OpenSSF model-signing format, version 1.0.

model.sig                 a Sigstore bundle in JSON (version 0.3)
    verificationMaterial  which key, or which certificates
    dsseEnvelope          a payload and its signature (DSSE, protocol 1.0.2)
        payload           an in-toto statement (version 1): every file's name and SHA-256

`model_signing verify` takes what is written here. Of what it writes itself the signatures by key
and by certificate are read here, with each file hashed by SHA-256, its default. Keyless signatures
are not: they ask Sigstore's services, and nothing here asks the network.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AliasPath,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from endolink.model.bundle import SIGNATURE, Bundle
from endolink.model.errors import BundleInvalid, BundleSignatureInvalid, BundleUnsigned
from endolink.model.manifest import Sha256
from endolink.model.signer import Signers, SigningKey

_BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
# What is no part of what is signed: the same names as the format's own program leaves out.
_IGNORED: Final = (".git", ".gitattributes", ".github", ".gitignore", SIGNATURE)


class _Part(BaseModel):
    # The format may be added to; what is not known here is not relied on here.
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Certificate(_Part):
    raw_bytes: Base64Bytes


class _Material(_Part):
    hint: str | None = Field(None, validation_alias=AliasPath("publicKey", "hint"))
    chain: tuple[_Certificate, ...] = Field(
        (), validation_alias=AliasPath("x509CertificateChain", "certificates")
    )


class _Signed(_Part):
    sig: Base64Bytes


class _Envelope(_Part):
    payload: Base64Bytes
    payload_type: Literal["application/vnd.in-toto+json"]
    signatures: Annotated[tuple[_Signed, ...], Field(min_length=1, max_length=1)]


class _SigstoreBundle(_Part):
    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"]
    verification_material: _Material
    dsse_envelope: _Envelope


class _Resource(_Part):
    name: str
    algorithm: Literal["sha256"]
    digest: Sha256


class _Serialization(_Part):
    method: Literal["files"]


class _Predicate(_Part):
    serialization: _Serialization
    resources: tuple[_Resource, ...]


class _Digest(_Part):
    sha256: Sha256


class _Subject(_Part):
    digest: _Digest


class _Statement(_Part):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(validation_alias="_type")
    predicate_type: Literal["https://model_signing/signature/v1.0"]
    subject: Annotated[tuple[_Subject, ...], Field(min_length=1, max_length=1)]
    predicate: _Predicate

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        resources = self.predicate.resources
        if len({each.name for each in resources}) != len(resources):
            raise ValueError("predicate.resources: a name stands twice")
        if self.subject[0].digest.sha256 != _root(each.digest for each in resources):
            raise ValueError("subject.digest: not that of the resources")
        return self


@dataclass(frozen=True)
class Signature:
    """What stands in `model.sig`; nothing of it is to be believed before `signer` has said whose.

    `hint` is the id of the key, `chain` the certificates (DER), the signer's own first; one of both
    is given.
    """

    payload: bytes
    signature: bytes
    hint: str | None = None
    chain: tuple[bytes, ...] = ()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a signature.

        Raises
        ------
        BundleSignatureInvalid
            It is not of this format; the message names the first field that is wrong.
        """
        try:
            read = _SigstoreBundle.model_validate_json(data)
        except ValidationError as error:
            raise _invalid(error, "it is no signature by key or certificate") from None
        envelope, material = read.dsse_envelope, read.verification_material
        return cls(
            envelope.payload,
            envelope.signatures[0].sig,
            material.hint,
            tuple(each.raw_bytes for each in material.chain),
        )

    def to_json(self) -> bytes:
        """Write it as `model_signing` does."""
        material: dict[str, Any] = (
            {"x509CertificateChain": {"certificates": [{"rawBytes": _b64(c)} for c in self.chain]}}
            if self.chain
            else {"publicKey": {"hint": self.hint}}
        )
        written = {
            "mediaType": _BUNDLE,
            "verificationMaterial": {**material, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": _b64(self.payload),
                "payloadType": _PAYLOAD,
                "signatures": [{"sig": _b64(self.signature), "keyid": ""}],
            },
        }
        return json.dumps(written).encode()

    def signer(self, signers: Signers) -> str:
        """Name whoever signed the payload, which may be believed then.

        Raises
        ------
        BundleSignerUnknown, BundleSignatureInvalid
            It is nobody who is trusted; or the signature is not theirs.
        """
        message = _encoded(self.payload)
        if self.chain:
            return signers.of_certificate(self.chain, message, self.signature)
        return signers.of_key(self.hint, message, self.signature)

    def digests(self) -> dict[str, str]:
        """Give the SHA-256, in hex, of each file that was signed, by its path in the folder.

        Raises
        ------
        BundleSignatureInvalid
            The payload says something else, or in another way.
        """
        try:
            statement = _Statement.model_validate_json(self.payload)
        except ValidationError as error:
            raise _invalid(error, "its payload is no list of files with their SHA-256") from None
        return {each.name: each.digest for each in statement.predicate.resources}


def check(bundle: Bundle, signers: Signers) -> str:
    """Name whoever vouches for `bundle`: for the very bytes that it holds in memory.

    The bundle that comes with EndoLink needs no signature: its digest stands in the code.

    Raises
    ------
    BundleUnsigned
        There is no signature.
    BundleSignerUnknown
        It is of nobody among `signers`.
    BundleSignatureInvalid
        It is damaged, or of other files.
    """
    if bundle.shipped:
        return "this release of EndoLink"
    if bundle.signature is None:
        raise BundleUnsigned(
            f"{bundle.path} holds no {SIGNATURE}. Where the key is, sign it (`endolink bundle sign "
            f"{bundle.path} --key FILE`); here, name who is trusted (--signer FILE.pub, "
            "ENDOLINK_SIGNERS)"
        )
    signature = Signature.from_json(bundle.signature)
    signer = signature.signer(signers)
    signed = signature.digests()
    for name, digest in bundle.digests.items():
        if signed.get(name) != digest:
            raise BundleSignatureInvalid(
                f"{name} is not what was signed; get the bundle again from whoever signed it, or "
                "look through it and have it signed anew"
            )
    return signer


def sign(bundle: Bundle, key: SigningKey, chain: Sequence[bytes] = ()) -> Path:
    """Sign all files of an open bundle's folder, and write `model.sig` there.

    `chain` are certificates (DER), the key's own first, those between it and its authority after.

    Raises
    ------
    BundleInvalid
        A link is among the files: what it leads to may change.
    """
    digests = {**_beside(bundle), **bundle.digests}
    payload = _statement(bundle.path.resolve().name, dict(sorted(digests.items())))
    signature = Signature(
        payload, key.sign(_encoded(payload)), None if chain else key.public.id, tuple(chain)
    )
    path = bundle.path / SIGNATURE
    unfinished = path.with_name(f".{SIGNATURE}.part")
    unfinished.write_bytes(signature.to_json())
    return unfinished.replace(path)


def _beside(bundle: Bundle) -> dict[str, str]:
    """Hash what lies in the folder and is not read for serving, such as a licence."""
    found: dict[str, str] = {}
    for path in bundle.path.rglob("*"):
        name = path.relative_to(bundle.path)
        if name.parts[0] in _IGNORED:
            continue
        if path.is_symlink():
            raise BundleInvalid(f"{name}: a link is not signed; copy what it leads to")
        if path.is_file() and name.as_posix() not in bundle.digests:
            with path.open("rb") as file:
                found[name.as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _statement(name: str, digests: Mapping[str, str]) -> bytes:
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _root(digests.values())}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(_IGNORED),
            },
            "resources": [
                {"name": file, "algorithm": "sha256", "digest": digest}
                for file, digest in digests.items()
            ],
        },
    }
    return json.dumps(statement, ensure_ascii=False).encode()


def _root(digests: Iterable[str]) -> str:
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()


def _encoded(payload: bytes) -> bytes:
    """Encode what is signed, so that it can be taken for nothing else (DSSE's PAE)."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _b64(data: bytes) -> str:
    return b64encode(data).decode()


def _invalid(error: ValidationError, what: str) -> BundleSignatureInvalid:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or SIGNATURE
    return BundleSignatureInvalid(
        f"{SIGNATURE}: {what} ({field}: {first['msg']}); sign the bundle with `endolink bundle "
        "sign`, or with `model_signing sign key`"
    )
