"""What is remembered: the part of a service's settings that says so."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from endolink.serving.audit.log import Policy


class AuditSettings(BaseSettings):
    """Nothing is remembered unless it says where."""

    audit: SecretStr | None = Field(
        None,
        description="Where the audit log is kept: an SQLite file, or postgresql://user@host/name.",
    )
    audit_key: Path | None = Field(
        None, description="The key that signs its checkpoints; `endolink audit key FILE` makes it."
    )
    audit_chain: str = Field(
        "main",
        min_length=1,
        max_length=48,
        description="This service's chain there: one each, where several share a database.",
    )
    audit_policy: Policy = Field(
        "refuse",
        description="When the log cannot be written: `refuse` to answer, or `degrade`: answer, "
        "and note how many entries are missing once it can be written again.",
    )
    audit_durable: bool = Field(
        default=False,
        description="Wait for the disk at each entry, so that a loss of power loses none either.",
    )
    audit_days: int = Field(
        183, ge=1, description="Days that entries are kept; six months by default."
    )
    audit_archive: Path | None = Field(
        None,
        description="A folder that gets what is about to be removed, as files that verify; what "
        "cannot be written there is not removed.",
    )

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.audit is not None and self.audit_key is None:
            raise ValueError(
                "an audit log needs audit_key, which signs it; `endolink audit key FILE` makes one"
            )
        return self
