"""How one service is set up: from `ENDOLINK_...` in the environment, then from the command line."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from endolink.model.egress import EgressSettings
from endolink.model.frame import Limits
from endolink.model.manifest import Precision
from endolink.model.runtime import Provider
from endolink.serving.access.settings import AccessSettings, is_loopback
from endolink.serving.audit.settings import AuditSettings
from endolink.serving.batch_size import Batching
from endolink.serving.retention.settings import RetentionSettings
from endolink.serving.signatures import Policy, SignatureSettings

_LIMITS = Limits()


class Settings(AccessSettings, AuditSettings, RetentionSettings, SignatureSettings, EgressSettings):
    """The settings of a service; they do not change while it runs.

    Each is read from the environment as `ENDOLINK_` and its name in capitals: `ENDOLINK_PORT=9000`.
    """

    model_config = SettingsConfigDict(env_prefix="ENDOLINK_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on.")
    port: int = Field(
        8000, ge=0, le=65535, description="The port to listen on; 0 takes any free one."
    )
    bundles: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders of exported models; the first answers where no model is named. "
        "None stands for the bundled colonoscopy model. In the environment they are "
        "separated as in PATH.",
    )
    provider: Provider = Field(
        "auto", description="What computes the network; `auto` takes the fastest that is here."
    )
    precision: Precision | Literal["auto"] = Field(
        "fp32",
        description="In what the network computes, if its bundle holds that and passed its gate "
        "on the provider; `auto` takes the fastest that did.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="Threads of one network run; by default as many as the container's CPU quota.",
    )
    max_bytes: int = Field(
        _LIMITS.max_bytes, ge=1024, description="The most bytes that one frame may have."
    )
    max_pixels: int = Field(
        _LIMITS.max_pixels, ge=1024, description="The most pixels that one frame may have."
    )
    min_side: int = Field(
        _LIMITS.min_side, ge=1, description="The least pixels of a frame's shorter side."
    )
    workers: int | None = Field(
        None,
        ge=1,
        description="Frames judged at a time; by default as many as the container's CPU quota.",
    )
    batching: Batching = Field(
        "auto",
        description="Whether frames that are ready while the network runs go into it together: "
        "`on`, `off`, or `auto`, where a model's warm-up finds that it saves enough. A frame that "
        "finds the network free never waits.",
    )
    batching_most: int = Field(
        8, ge=1, le=64, description="The most frames that one run of the network is given."
    )
    queue: int = Field(
        32,
        ge=0,
        description="Frames that may wait for a free worker; one more is refused with 503.",
    )
    connections: int = Field(
        768,
        ge=1,
        description="Connections at a time, a file descriptor each; one more takes the place of "
        "the one that has been idle longest, or is closed where none is.",
    )
    streams: int = Field(
        64,
        ge=0,
        description="Live streams that may go on at a time; one more is refused, and told when to "
        "ask again.",
    )
    uploads: int = Field(
        256, ge=1, description="Requests whose bodies may be in memory, or on their way, at once."
    )
    upload_bytes: int = Field(
        256 * 2**20, ge=1024, description="The most bytes that those bodies may have together."
    )
    upload_seconds: float = Field(
        30, gt=0, description="Seconds that a body may take to arrive; then it is refused with 408."
    )
    batch_frames: int = Field(64, ge=1, description="The most frames of one batch.")
    batch_bytes: int = Field(64 * 2**20, ge=1024, description="The most bytes of one batch.")
    traces: str | None = Field(
        None,
        pattern=r"^https?://[^/]+/.+",
        description="Where traces go: a collector's address for OTLP over HTTP, such as "
        "http://127.0.0.1:4318/v1/traces (needs the extra `tracing`). None are made unless it is "
        "given.",
    )
    trace_frames: float = Field(
        0.04, ge=0, le=1, description="The share of streams' frames that is traced, by chance."
    )
    shutdown_grace: int = Field(
        30, ge=0, description="Seconds that admitted frames have to finish after a SIGTERM."
    )

    @field_validator("bundles", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in value.split(os.pathsep) if part)
        return value

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        if not self.guarded and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} can be reached from the network, and nobody would be asked who they "
                "are; name a file of API keys (`endolink key create` makes one, ENDOLINK_KEYS or "
                "--keys names it), or an identity provider (ENDOLINK_OIDC_ISSUER), or listen on "
                "127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _bundles_are_vouched_for(self) -> Self:
        if self.signatures in {"warn", "off"} and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} can be reached from the network, where signatures={self.signatures} "
                "would answer with bundles that nobody vouches for; sign them (`endolink bundle "
                "sign`), name who signs (ENDOLINK_SIGNERS or --signer) and leave signatures at "
                "require, or listen on 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _limits_hold(self) -> Self:
        _ = self.limits
        return self

    @property
    def policy(self) -> Policy:
        """What happens to bundles that nobody vouches for."""
        return self.signatures or ("warn" if is_loopback(self.host) else "require")

    @property
    def limits(self) -> Limits:
        """The bounds that a frame's bytes are held to."""
        return Limits(max_bytes=self.max_bytes, max_pixels=self.max_pixels, min_side=self.min_side)
