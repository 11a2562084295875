"""What a client may ask for, and may say of its frame, in the query."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from endolink.model.classifier import Explain
from endolink.model.errors import RequestInvalid
from endolink.serving.waiting import Lane


class Query(BaseModel):
    """A request's query: options that are known, with values that are allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the options of `request`, as `read` does."""
        # Most requests have none, and each waits for this.
        if not request.scope["query_string"] and (plain := _PLAIN.get(cls)) is not None:
            assert isinstance(plain, cls)
            return plain
        return cls.read(request.query_params)

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read the options out of a query.

        Raises
        ------
        RequestInvalid
            An option is unknown, or its value is not one of its own; the detail names the option
            and the rule, never what was sent.
        """
        try:
            return cls.model_validate(dict(query))
        except ValidationError as error:
            known = ", ".join(cls.model_fields)
            raise RequestInvalid(
                "; ".join(_say(fault, known) for fault in error.errors())
            ) from None


class _Options(Query):
    """What is common to every query that asks for verdicts."""

    explain: Explain = Field(
        "none",
        description="`box` also says where each finding that is present was seen; `heatmap` adds, "
        "beside the verdict's own fields, `heatmaps`: for each such finding a small grey PNG "
        "(base64) to lay over a box of the frame, white where most speaks for it.",
    )
    model: str | None = Field(
        None, description="Which model judges, by name; `/v1/models` lists them."
    )
    version: str | None = Field(
        None, description="Which version of it; by default the one that is active."
    )
    deadline_ms: float | None = Field(
        None,
        gt=0,
        le=600_000,
        description="For how long the verdict is of use, in milliseconds from the request's "
        "arrival: work that would begin later is not done, and answered with 504.",
    )

    def deadline(self, arrived: float) -> float | None:
        """Give the instant until which the verdict is of use, on the clock of `arrived`, in s."""
        return None if self.deadline_ms is None else arrived + self.deadline_ms / 1000


_PLAIN: dict[type[Query], Query] = {}
"""What stands for an empty query, of those that may be."""

_PRIORITY = (
    "`bulk` is judged only while nothing interactive waits: for archives, and whatever nobody "
    "looks at now."
)


class FrameOptions(_Options):
    """The query of a request that brings one frame."""

    priority: Lane = Field("interactive", description=_PRIORITY)
    captured_at: AwareDatetime | None = Field(
        None, description="When the frame was captured (RFC 3339, with an offset); given back."
    )
    sequence: int | None = Field(
        None, ge=0, lt=2**63, description="The frame's number in its stream; given back."
    )


class BatchOptions(_Options):
    """The query of a request that brings several frames."""

    priority: Lane = Field("bulk", description=_PRIORITY)


_PLAIN |= {kind: kind() for kind in (FrameOptions, BatchOptions)}


def _say(fault: Mapping[str, Any], known: str) -> str:
    if fault["type"] == "extra_forbidden":
        return f"the query has an unknown option; known are {known}"
    return f"query.{fault['loc'][0]}: {fault['msg']}"
