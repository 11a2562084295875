"""Who may ask: the part of a service's settings that says so."""

import ipaddress
import socket
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from endolink.serving.access.oidc import Provider
from endolink.serving.access.rate import Quota


class AccessSettings(BaseSettings):
    """Nobody is asked only where nobody but this machine can ask."""

    keys: Path | None = Field(
        None,
        description="The file of API keys; `endolink key create` makes it. With it every request "
        "but for the page and its health needs a key.",
    )
    oidc_issuer: str | None = Field(
        None, description="The hospital's identity provider (OpenID Connect), by its issuer's URL."
    )
    oidc_audience: str = Field(
        "endolink", min_length=1, description="What the provider's tokens call this service."
    )
    oidc_client: str | None = Field(
        None, description="The client id under which the page signs people in, with PKCE."
    )
    oidc_scope_claim: str = Field(
        "scope", min_length=1, description="The claim that says what somebody may do."
    )
    rate: float = Field(
        100, gt=0, description="Requests a second that one client may make in the long run."
    )
    rate_burst: int = Field(200, ge=1, description="Requests that it may make at once.")
    rate_concurrent: int = Field(
        64, ge=1, description="Requests of one client that may be under way at a time."
    )
    origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins of other sites whose pages may ask, separated by commas: "
        "https://viewer.hospital.example.",
    )
    tls_certificate: Path | None = Field(None, description="The certificate chain, in PEM.")
    tls_key: Path | None = Field(None, description="Its private key, in PEM.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses of proxies whose word is taken for who connects, separated by "
        "commas.",
    )

    @field_validator("origins", "trusted_proxies", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
                raise ValueError(f"{origin} is no origin: scheme, name and port, without a path")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            ipaddress.ip_network(address)
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        _ = self.identity_provider
        return self

    @property
    def guarded(self) -> bool:
        """Say whether anybody is asked who they are."""
        return self.keys is not None or self.oidc_issuer is not None

    @property
    def identity_provider(self) -> Provider | None:
        """The provider whose tokens are taken."""
        if self.oidc_issuer is None:
            return None
        return Provider(self.oidc_issuer, self.oidc_audience, self.oidc_scope_claim)

    @property
    def quota(self) -> Quota:
        """What one client may ask."""
        return Quota(self.rate, self.rate_burst, self.rate_concurrent)


def is_loopback(host: str) -> bool:
    """Say whether nobody but this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(entry[4][0])).is_loopback for entry in found)
