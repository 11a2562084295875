"""Which frames are kept, why and for how long: the part of a service's settings that says so."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from endolink.model.verdict import Verdict
from endolink.serving.retention.record import Purpose

When = Literal["present", "unfamiliar", "unusable", "all"]


class RetentionSettings(BaseSettings):
    """No frame is kept unless all of where, why, for how long and whose is said."""

    retain: Path | None = Field(
        None, description="Keep frames, encrypted, in this folder. None are kept without it."
    )
    retain_key: Path | None = Field(
        None, description="What encrypts them; `endolink retained key FILE` makes it."
    )
    retain_purpose: Purpose | None = Field(None, description="What for: review or retraining.")
    retain_days: int | None = Field(
        None, ge=1, le=3650, description="Days after which a frame is deleted."
    )
    retain_when: Annotated[tuple[When, ...], NoDecode] = Field(
        (),
        description="Which: `present` (a finding is), `unfamiliar`, `unusable`, several of these "
        "separated by commas, or `all`.",
    )
    retain_clients: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Whose: names of clients as the audit log has them, separated by commas; `*` "
        "stands for anything, as in key:*:room-2.",
    )
    retain_bytes: int = Field(
        10 * 2**30, ge=2**20, description="The most bytes of frames that are kept; then no more."
    )

    @field_validator("retain_when", "retain_clients", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _is_explicit(self) -> Self:
        if self.retain is None:
            return self
        missing = [
            name
            for name in ("key", "purpose", "days", "when", "clients")
            if not getattr(self, f"retain_{name}")
        ]
        if missing:
            raise ValueError(
                "frames are kept only where everything is said: retain needs "
                + ", ".join(f"retain_{name}" for name in missing)
            )
        if getattr(self, "audit", None) is None:
            raise ValueError(
                "frames are kept only where the audit log shows it: retain needs audit"
            )
        return self

    def why(self, who: str, verdict: Verdict) -> tuple[When, ...]:
        """Say why the frame of `verdict`, which `who` has sent, is kept; empty where it is not."""
        if not any(fnmatchcase(who, pattern) for pattern in self.retain_clients):
            return ()
        holds: dict[When, bool] = {
            "all": True,
            "present": any(finding.present for finding in verdict.findings),
            "unfamiliar": not verdict.familiar,
            "unusable": not verdict.usable,
        }
        return tuple(when for when in self.retain_when if holds[when])
