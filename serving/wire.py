"""What goes over a stream's WebSocket: the header before each frame, and the JSON messages.

Server and clients both read and write it with this file; it knows nothing of either. A frame is one
binary message, a header of 24 bytes in network byte order and then the image as it is:

    offset  bytes  field
    0       2      magic, `EL`
    2       1      version, 1
    3       1      flags; bit 0 asks where each finding is (`box`), the others are 0
    4       4      sequence: counts captured frames, sent or not, and so shows what was left out
    8       8      capture time, in microseconds of the sender's own clock, below 2^53
    16      4      how long after its capture the frame was sent, in microseconds
    20      4      size of the image, in bytes
    24      …      the image: JPEG, PNG, WebP, BMP or TIFF

Everything else is a text message, one JSON object with a `type`.
"""

from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from struct import Struct
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from endolink.model.errors import StreamMessageInvalid
from endolink.model.verdict import ModelIdentity, Verdict

PROTOCOL: Final = 1
"""Raised by a change that an older client would misread; new fields and types do not raise it."""

MAGIC: Final = b"EL"
HEADER: Final = Struct("!2sBBIQII")
MAX_TEXT: Final = 12_288
"""The most characters of a client's text message: a hello with a large token has some 8,000."""

_BOX: Final = 0b1
# JavaScript's numbers are exact up to here: 285 years of microseconds.
_CLOCK_END: Final = 2**53

State = Literal["ready", "watching", "alert", "paused", "degraded", "error"]
Reason = Literal["dark", "blurred", "out-of-body", "old", "dropping", "silent", "failing"]
"""Why a stream is paused (the first three), degraded (the next three) or in error (the last)."""

DropReason = Literal["superseded", "late", "repeated", "unreadable", "refused", "lost"]
"""Why a frame got no verdict.

`superseded`: a fresher one was there. `late`: it was older than the session's deadline.
`repeated`: its sequence number had come before. `unreadable`: its header or image is at fault.
`refused`: the service had too much work or is shutting down. `lost`: said by a client to itself,
where the connection broke before an answer came.
"""


@plain_dataclass(frozen=True)
class StreamFrame:
    """One frame as it is sent: times in microseconds, the image encoded.

    Raises ValueError for a number that its field of the header cannot hold.
    """

    sequence: int
    captured_us: int
    image: bytes
    sent_after_us: int = 0
    box: bool = False

    def __post_init__(self) -> None:
        for name, value, end in (
            ("sequence", self.sequence, 2**32),
            ("captured_us", self.captured_us, _CLOCK_END),
            ("sent_after_us", self.sent_after_us, 2**32),
        ):
            if not 0 <= value < end:
                raise ValueError(f"{name} is {value}, not from 0 to {end - 1}")

    def pack(self) -> bytes:
        """Write the frame as one binary message."""
        return (
            HEADER.pack(
                MAGIC,
                PROTOCOL,
                _BOX if self.box else 0,
                self.sequence,
                self.captured_us,
                self.sent_after_us,
                len(self.image),
            )
            + self.image
        )

    @classmethod
    def unpack(cls, message: bytes) -> "StreamFrame":
        """Read one binary message.

        Raises
        ------
        StreamMessageInvalid
            The header is not one; the detail names the field and what it has to be. Where the
            sequence number could be read, the error has it as `sequence`.
        """
        if len(message) < HEADER.size:
            raise StreamMessageInvalid(
                f"A frame begins with a header of {HEADER.size} bytes; this message has "
                f"{len(message)} in all."
            )
        magic, version, flags, sequence, captured_us, sent_after_us, size = HEADER.unpack_from(
            message
        )
        if magic != MAGIC:
            raise StreamMessageInvalid("A frame's header begins with the magic EL (0x45 0x4c).")
        if version != PROTOCOL:
            raise StreamMessageInvalid(
                f"The header's version is {version}; this service reads version {PROTOCOL}."
            )
        if flags & ~_BOX:
            raise StreamMessageInvalid(
                "The header's flags 1 to 7 are not in use; send 0.", sequence
            )
        if captured_us >= _CLOCK_END:
            raise StreamMessageInvalid("The header's capture time is not below 2^53 us.", sequence)
        if size != len(message) - HEADER.size:
            raise StreamMessageInvalid(
                f"The header declares an image of {size} bytes; {len(message) - HEADER.size} "
                "follow it.",
                sequence,
            )
        image = message[HEADER.size :]
        return cls(sequence, captured_us, image, sent_after_us, box=bool(flags & _BOX))


_CLOSED = ConfigDict(extra="forbid")
_OPEN = ConfigDict(extra="ignore")

Clock = Annotated[int, Field(ge=0, lt=_CLOCK_END)]


@dataclass(frozen=True, config=_CLOSED)
class Hello:
    """A client's first message on every connection.

    `clock_us` is its clock now, the one of the capture times. `deadline_ms` is the age at which a
    frame is not worth a verdict any more. `resume` names a session to go on with, or to give it a
    second connection. `credential` is an API key or an access token, where the service asks who is
    there: a browser cannot set a WebSocket's headers, and an address ends up in logs.
    """

    clock_us: Clock
    protocol: Literal[1] = 1
    model: Annotated[str, Field(max_length=100)] | None = None
    deadline_ms: Annotated[int, Field(ge=50, le=10_000)] = 1000
    resume: Annotated[str, Field(max_length=100)] | None = None
    credential: Annotated[str, Field(max_length=8192)] | None = field(default=None, repr=False)
    type: Literal["hello"] = "hello"


@dataclass(frozen=True, config=_CLOSED)
class Pong:
    """The answer to a ping, at once: its number, and the client's clock when it was read."""

    id: Annotated[int, Field(ge=0)]
    clock_us: Clock
    type: Literal["pong"] = "pong"


@dataclass(frozen=True, config=_CLOSED)
class Bye:
    """The session is over and need not be kept for a return; sent by either side."""

    type: Literal["bye"] = "bye"


@dataclass(frozen=True, config=_OPEN)
class Advice:
    """What the client should send from now on.

    `side` is the shorter side of the picture in pixels (never enlarged to it), `quality` that of
    the JPEG, `window` how many frames may be sent and not answered.
    """

    side: int
    quality: int
    fps: float
    window: int
    type: Literal["advice"] = "advice"


@dataclass(frozen=True, config=_OPEN)
class StreamFinding:
    """A finding that the session's model knows; `labels` is what it is called, by language."""

    code: str
    label: str
    kind: str
    threshold: float
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, config=_OPEN)
class Condition:
    """How the stream is: its state, why, and the findings whose alert is on."""

    state: State
    reason: Reason | None
    alerts: tuple[str, ...]
    type: Literal["state"] = "state"


@dataclass(frozen=True, config=_OPEN)
class Switched:
    """From now on another version judges; sent before its first verdict."""

    model: ModelIdentity
    findings: tuple[StreamFinding, ...]
    type: Literal["model"] = "model"


@dataclass(frozen=True, config=_OPEN)
class Ready:
    """The answer to a hello: frames may come.

    `session` is a secret: whoever has it may resume. `sequence` is the newest frame that was taken.
    """

    session: str
    resumed: bool
    sequence: int | None
    model: ModelIdentity
    findings: tuple[StreamFinding, ...]
    condition: Condition
    advice: Advice
    max_frame_bytes: int
    grace_s: float
    protocol: int = PROTOCOL
    type: Literal["ready"] = "ready"


@dataclass(frozen=True, config=_OPEN)
class Judged:
    """A frame's verdict, with how the stream is after it.

    `warnings` informs about this frame: `unfamiliar`, and what `reasons` of the verdict says. It
    never silences an alert.
    """

    sequence: int
    state: State
    reason: Reason | None
    alerts: tuple[str, ...]
    warnings: tuple[str, ...]
    verdict: Verdict
    type: Literal["verdict"] = "verdict"


@dataclass(frozen=True, config=_OPEN)
class Alert:
    """A finding's alert came on, or went off.

    Times are the frames' capture times, in microseconds of the client's clock: `start_us` is the
    first frame of the rise, `at_us` when the alert changed. The peak is known when it is over.
    """

    finding: str
    kind: str
    on: bool
    at_us: int
    start_us: int | None = None
    peak_us: int | None = None
    peak_probability: float | None = None
    type: Literal["alert"] = "alert"


@dataclass(frozen=True, config=_OPEN)
class Dropped:
    """A frame got no verdict; `code` and `detail` say more where it is not just a fresher one."""

    sequence: int
    reason: DropReason
    code: str | None = None
    detail: str | None = None
    type: Literal["dropped"] = "dropped"


@dataclass(frozen=True, config=_OPEN)
class Ping:
    """Measures the round trip and the client's clock; answered with a pong."""

    id: int
    type: Literal["ping"] = "ping"


@dataclass(frozen=True, config=_OPEN)
class Fault:
    """Something that the client sent, or asked for, is at fault; `fatal` ends the connection."""

    code: str
    title: str
    detail: str
    fatal: bool
    retry_after: float | None = None
    type: Literal["error"] = "error"


Message = TypeVar("Message")
ClientMessage = Hello | Pong | Bye
ServerMessage = (
    Ready | Switched | Judged | Alert | Condition | Dropped | Advice | Ping | Fault | Bye
)

_FROM_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(
    Annotated[ClientMessage, Field(discriminator="type")]
)
_FROM_SERVER: TypeAdapter[ServerMessage] = TypeAdapter(
    Annotated[ServerMessage, Field(discriminator="type")]
)
_WRITERS: dict[type, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in {*get_args(ClientMessage), *get_args(ServerMessage)}
}


def dump(message: ClientMessage | ServerMessage) -> str:
    """Write a message as JSON."""
    return str(_WRITERS[type(message)].dump_json(message), "utf-8")


def read_client(text: str) -> ClientMessage:
    """Read a client's text message.

    Raises
    ------
    StreamMessageInvalid
        It is too long, no JSON object, of an unknown type, or has a wrong field; the detail names
        the field and the rule, never what was sent.
    """
    if len(text) > MAX_TEXT:
        raise StreamMessageInvalid(f"A text message may have at most {MAX_TEXT} characters.")
    return _read(_FROM_CLIENT, text)


def read_server(text: str) -> ServerMessage | None:
    """Read a server's text message; None for one of a type that this version does not know.

    Fields that it does not know are passed over.

    Raises
    ------
    StreamMessageInvalid
        As `read_client` does, but at any length.
    """
    try:
        return _read(_FROM_SERVER, text)
    except StreamMessageInvalid as error:
        if error.unknown_type:
            return None
        raise


def _read(adapter: TypeAdapter[Message], text: str) -> Message:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "union_tag_invalid":
        raise StreamMessageInvalid(
            "The message's type is not one that is known here.", unknown_type=True
        )
    if len(first["loc"]) < 1:
        raise StreamMessageInvalid("A text message is one JSON object with a type.")
    # A name that the sender made up is the sender's own, and not said back.
    known = first["type"] != "unexpected_keyword_argument"
    field = ".".join(str(part) for part in first["loc"][1:] if known) or "the message"
    raise StreamMessageInvalid(f"{field}: {first['msg']}")
