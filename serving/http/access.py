"""`/v1/access`: what a viewer tells whoever opens it, and how it signs them in."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from endolink.serving.http import examples
from endolink.serving.http.resource import Resource, answer_json, service_of
from endolink.serving.retention.record import Purpose


class SignIn(BaseModel):
    """Where people sign in: the authorization code flow with PKCE (RFC 7636)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(description="The identity provider (OpenID Connect Discovery 1.0).")
    client_id: str = Field(description="The page's client id there; it has no secret.")
    audience: str = Field(description="What its tokens call this service.")


class Keeps(BaseModel):
    """Frames may be kept, encrypted, whose client and content the settings name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: Purpose = Field(description="What for.")
    days: int = Field(description="After how many days they are deleted.")


class Access(BaseModel):
    """What it takes to ask this service, and what it keeps of what it is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: bool = Field(description="Whether anybody is asked who they are.")
    methods: list[Literal["key", "oidc"]]
    sign_in: SignIn | None = None
    keeps: Keeps | None = Field(None, description="null where no frame is kept.")


async def access(request: Request) -> Response:
    """Say whether credentials are needed, how a page gets them, and whether frames are kept.

    Every other resource takes `Authorization: Bearer` with an API key or with an access token of
    the identity provider; a stream takes the same as `credential` in its hello.
    """
    settings = service_of(request).settings
    methods: list[Literal["key", "oidc"]] = []
    if settings.keys is not None:
        methods.append("key")
    sign_in = None
    if settings.oidc_issuer is not None:
        methods.append("oidc")
        if settings.oidc_client is not None:
            sign_in = SignIn(
                issuer=settings.oidc_issuer,
                client_id=settings.oidc_client,
                audience=settings.oidc_audience,
            )
    keeps = None
    if settings.retain is not None:
        assert settings.retain_purpose is not None
        assert settings.retain_days is not None
        keeps = Keeps(purpose=settings.retain_purpose, days=settings.retain_days)
    return answer_json(
        Access(required=settings.guarded, methods=methods, sign_in=sign_in, keeps=keeps)
    )


RESOURCES = (Resource("GET", "/v1/access", "How to sign in", access, Access, examples.ACCESS),)
