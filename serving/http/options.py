"""What a client may ask for, and may say of its frame, in the query."""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from endolink.model.classifier import Explain
from endolink.model.errors import RequestInvalid
from endolink.serving.waiting import Lane


class FrameOptions(BaseModel):
    """The query of a request that brings one frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    explain: Explain = Field(
        "none", description="`box` also says where each finding that is present was seen."
    )
    model: str | None = Field(
        None, description="Which model judges, by name; `/v1/models` lists them."
    )
    captured_at: AwareDatetime | None = Field(
        None, description="When the frame was captured (RFC 3339, with an offset); given back."
    )
    sequence: int | None = Field(
        None, ge=0, lt=2**63, description="The frame's number in its stream; given back."
    )
    deadline_ms: float | None = Field(
        None,
        gt=0,
        le=600_000,
        description="For how long the verdict is of use, in milliseconds from the request's "
        "arrival: work that would begin later is not done, and answered with 504.",
    )
    priority: Lane = Field(
        "interactive",
        description="`bulk` is judged only while nothing interactive waits: for archives, and "
        "whatever nobody looks at now.",
    )

    def deadline(self, arrived: float) -> float | None:
        """Give the instant until which the verdict is of use, on the clock of `arrived`, in s."""
        return None if self.deadline_ms is None else arrived + self.deadline_ms / 1000

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "FrameOptions":
        """Read the options out of a query.

        Raises
        ------
        RequestInvalid
            An option is unknown, or its value is not one of its own; the detail names the option
            and the rule, never what was sent.
        """
        try:
            return cls.model_validate(dict(query)) if query else _DEFAULT
        except ValidationError as error:
            raise RequestInvalid("; ".join(map(_say, error.errors()))) from None


_DEFAULT = FrameOptions()


def _say(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"the query has an unknown option; known are {', '.join(FrameOptions.model_fields)}"
    return f"query.{fault['loc'][0]}: {fault['msg']}"
