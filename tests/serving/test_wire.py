import json
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.model.errors import StreamMessageInvalid
from endolink.serving.wire import (
    HEADER,
    MAX_TEXT,
    Advice,
    Bye,
    Condition,
    Dropped,
    Hello,
    Ping,
    Pong,
    StreamFrame,
    dump,
    read_client,
    read_server,
)

FRAMES = st.builds(
    StreamFrame,
    sequence=st.integers(0, 2**32 - 1),
    captured_us=st.integers(0, 2**53 - 1),
    image=st.binary(max_size=200),
    sent_after_us=st.integers(0, 2**32 - 1),
    box=st.booleans(),
)


@given(FRAMES)
def test_a_frame_comes_back_as_it_was_packed(frame: StreamFrame) -> None:
    assert StreamFrame.unpack(frame.pack()) == frame


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_an_error_of_ours(message: bytes) -> None:
    try:
        frame = StreamFrame.unpack(message)
    except StreamMessageInvalid:
        return
    assert frame.pack() == message


@given(FRAMES, st.data())
def test_a_damaged_header_is_never_another_frame_of_another_size(
    frame: StreamFrame, data: st.DataObject
) -> None:
    message = frame.pack()
    cut = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(StreamMessageInvalid):
        StreamFrame.unpack(message[:cut])


def test_the_header_is_laid_out_as_documented() -> None:
    packed = StreamFrame(7, 11, b"image", sent_after_us=13, box=True).pack()
    assert packed == b"EL\x01\x01" + pack(">IQII", 7, 11, 13, 5) + b"image"
    assert HEADER.size == 24


@pytest.mark.parametrize(
    ("at", "value", "says", "known"),
    [
        (0, b"X", "magic", None),
        (2, b"\x02", "version", None),
        (3, b"\x80", "flags", 7),
        (8, b"\xff", "capture time", 7),
        (23, b"\x09", "declares an image of 9 bytes; 5 follow", 7),
    ],
)
def test_what_is_wrong_is_named(at: int, value: bytes, says: str, known: int | None) -> None:
    message = bytearray(StreamFrame(7, 11, b"image").pack())
    message[at : at + 1] = value
    with pytest.raises(StreamMessageInvalid, match=says) as refused:
        StreamFrame.unpack(bytes(message))
    assert refused.value.sequence == known


@pytest.mark.parametrize(
    ("sequence", "captured_us", "sent_after_us", "field"),
    [(-1, 0, 0, "sequence"), (0, 2**53, 0, "captured_us"), (0, 0, 2**32, "sent_after_us")],
)
def test_a_number_that_does_not_fit_makes_no_frame(
    sequence: int, captured_us: int, sent_after_us: int, field: str
) -> None:
    with pytest.raises(ValueError, match=field):
        StreamFrame(sequence, captured_us, b"", sent_after_us)


@pytest.mark.parametrize("message", [Hello(5), Hello(5, model="m", resume="s"), Pong(1, 2), Bye()])
def test_a_clients_message_comes_back(message: Hello | Pong | Bye) -> None:
    assert read_client(dump(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Advice(224, 60, 25.0, 6),
        Condition("paused", "dark", ("polyp",)),
        Dropped(3, "late", "deadline-exceeded", "Too old."),
        Ping(4),
        Bye(),
    ],
)
def test_a_servers_message_comes_back(message: Advice | Condition | Dropped | Ping | Bye) -> None:
    assert read_server(dump(message)) == message


def test_a_newer_servers_field_is_passed_over() -> None:
    assert read_server('{"type": "ping", "id": 1, "more": true}') == Ping(1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one JSON object with a type"),
        ("[]", "one JSON object with a type"),
        ("{}", "one JSON object with a type"),
        ('{"type": "SECRET"}', "type is not one that is known"),
        ('{"type": "pong", "id": 1}', "clock_us"),
        ('{"type": "pong", "id": -1, "clock_us": 0}', "id"),
        ('{"type": "hello", "clock_us": 1e400}', "clock_us"),
        ('{"type": "hello", "clock_us": 1, "deadline_ms": 1}', "deadline_ms"),
        ('{"type": "hello", "clock_us": 1, "protocol": 2}', "protocol"),
        ('{"type": "bye", "SECRET": 1}', "the message"),
        (" " * (MAX_TEXT + 1), "at most"),
    ],
)
def test_a_wrong_text_message_is_explained_without_being_quoted(text: str, says: str) -> None:
    with pytest.raises(StreamMessageInvalid, match=says) as refused:
        read_client(text)
    assert "SECRET" not in refused.value.detail


@given(
    st.text(max_size=50)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_any_text_is_a_message_or_an_error_of_ours(text: str) -> None:
    try:
        read_client(text)
    except StreamMessageInvalid:
        return


def test_a_client_passes_over_messages_of_a_newer_service() -> None:
    assert read_server('{"type": "from-the-future", "id": 1}') is None
    for text in ('{"id": 1}', "[]", "{", '{"type": "ping"}'):
        with pytest.raises(StreamMessageInvalid):
            read_server(text)
