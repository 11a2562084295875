"""Which bundles are believed: the part of a service's settings that says so."""

import logging
import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from endolink.model.bundle import Bundle
from endolink.model.errors import BundleUntrusted
from endolink.model.signature import check
from endolink.model.signer import Signers
from endolink.serving.logs import log

logger = logging.getLogger(__name__)

Policy = Literal["require", "warn", "off"]


class SignatureSettings(BaseSettings):
    """Where the network can reach the service, it answers with nothing that nobody vouches for."""

    signatures: Policy | None = Field(
        None,
        description="What happens to a bundle that nobody who is trusted has signed: `require` "
        "refuses it, `warn` logs it, `off` does not look. The bundle that comes with EndoLink "
        "needs no signature. By default `warn`; where the network can reach the service it is "
        "`require`, and nothing else.",
    )
    signers: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Files of public keys (`endolink bundle key FILE` makes FILE.pub) and of "
        "authorities' certificates, in PEM: who is trusted to sign bundles. In the environment "
        "they are separated as in PATH.",
    )

    @field_validator("signers", mode="before")
    @classmethod
    def _split_signers(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        return value


class Doorkeeper:
    """Looks at each bundle before any of its network is loaded."""

    def __init__(self, policy: Policy, signers: Signers) -> None:
        self._policy, self._signers = policy, signers

    @classmethod
    def of(cls, policy: Policy, paths: tuple[Path, ...]) -> Self:
        """Read who is trusted.

        Raises
        ------
        SigningKeyUnusable
            One of `paths` holds no key or certificate.
        """
        return cls(policy, Signers.read(paths) if policy != "off" else Signers())

    def admit(self, bundle: Bundle) -> Bundle:
        """Give `bundle` back, if it may be loaded: the bytes that were looked at.

        Raises
        ------
        BundleUntrusted
            Nobody who is trusted vouches for it, and somebody has to.
        """
        if self._policy == "off":
            return bundle
        name, version = bundle.manifest.name, bundle.manifest.version
        try:
            signer = check(bundle, self._signers)
        except BundleUntrusted as error:
            if self._policy == "require":
                raise
            log(
                logger,
                logging.WARNING,
                "nobody vouches",
                model=name,
                version=version,
                digest=bundle.digest,
                code=error.code,
            )
            return bundle
        log(
            logger,
            logging.INFO,
            "vouched for",
            model=name,
            version=version,
            digest=bundle.digest,
            signer=signer,
        )
        return bundle
