"""Frames: any bytes give events or one error, whole or byte by byte, and cost no more memory than they are."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network.wire import drive, reader_of
from wyoming.event import Event, async_read_event, read_event, write_event

from satellite.core.errors import ProtocolError
from satellite.network.frame import (
    DATA_BYTES,
    HEADER_BYTES,
    PAYLOAD_BYTES,
    Frame,
    one_line,
    read_frame,
    write_frame,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FRAMES = st.builds(
    Frame, st.text(min_size=1, max_size=20), st.dictionaries(TEXT, JSON, max_size=4), st.binary(max_size=200)
)


async def read_all(reader: asyncio.StreamReader) -> tuple[list[Frame], str]:
    frames: list[Frame] = []
    try:
        while (frame := await read_frame(reader)) is not None:
            frames.append(frame)
    except ProtocolError as error:
        return frames, str(error)
    return frames, ""


async def trickle(raw: bytes, piece_bytes: int) -> tuple[list[Frame], str]:
    """The same, with the reader waiting before each piece."""
    reader = asyncio.StreamReader(limit=HEADER_BYTES)
    reading = asyncio.create_task(read_all(reader))
    for at in range(0, len(raw), piece_bytes):
        await asyncio.sleep(0)
        reader.feed_data(raw[at : at + piece_bytes])
    reader.feed_eof()
    return await reading


def read(raw: bytes) -> tuple[list[Frame], str]:
    async def story() -> tuple[list[Frame], str]:
        return await read_all(reader_of(raw))

    return drive(story())


def header(**fields: object) -> bytes:
    return json.dumps({"type": "ping", **fields}).encode() + b"\n"


def mostly_frames() -> st.SearchStrategy[bytes]:
    """Good frames with rubbish between and inside them: the interesting neighbourhood of the format."""
    pieces = st.one_of(
        FRAMES.map(write_frame),
        st.binary(max_size=40),
        st.sampled_from([b"\n", b"{}\n", b"[]\n", b'{"type":"a"}\n', b'{"type":"a","data_length":2}\n{}', b"\xff\n"]),
        JSON.map(lambda value: json.dumps(value).encode() + b"\n"),
        st.builds(lambda length: header(data_length=length), JSON),
        st.builds(lambda length: header(payload_length=length), JSON),
    )
    return st.lists(pieces, max_size=5).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(mostly_frames() | st.binary(max_size=300), st.integers(1, 7))
def test_any_bytes_give_the_same_events_and_error_whole_or_in_pieces(raw: bytes, piece_bytes: int) -> None:
    whole = read(raw)
    assert drive(trickle(raw, piece_bytes)) == whole
    assert "\n" not in whole[1]


@settings(max_examples=100, deadline=None)
@given(st.lists(FRAMES, max_size=4))
def test_what_we_write_we_read(frames: list[Frame]) -> None:
    assert read(b"".join(map(write_frame, frames))) == (frames, "")


@settings(max_examples=100, deadline=None)
@given(FRAMES)
def test_the_reference_reads_what_we_write(frame: Frame) -> None:
    event = read_event(io.BytesIO(write_frame(frame, "1.0")))
    assert event is not None
    assert (event.type, event.data or {}, event.payload or b"") == (frame.type, frame.data, frame.payload)


@settings(max_examples=100, deadline=None)
@given(FRAMES)
def test_we_read_what_the_reference_writes(frame: Frame) -> None:
    written = io.BytesIO()
    write_event(Event(frame.type, dict(frame.data), frame.payload or None), written)
    assert read(written.getvalue()) == ([frame], "")


def test_our_bytes_are_those_of_the_reference() -> None:
    written = io.BytesIO()
    write_event(Event("audio-chunk", {"rate": 16_000}, b"abcd"), written)
    theirs = json.loads(written.getvalue().partition(b"\n")[0])
    ours = json.loads(
        write_frame(Frame("audio-chunk", {"rate": 16_000}, b"abcd"), theirs["version"]).partition(b"\n")[0]
    )
    assert ours == theirs


def test_data_in_the_second_part_wins_over_data_in_the_header() -> None:
    raw = header(data={"a": 1, "b": 1}, data_length=len(b'{"b": 2}')) + b'{"b": 2}'
    assert read(raw) == ([Frame("ping", {"a": 1, "b": 2})], "")


def test_lengths_of_null_and_zero_are_no_parts() -> None:
    assert read(header(data_length=None, payload_length=0, data=None)) == ([Frame("ping")], "")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"\n", "header is not JSON"),
        (b"hello\n", "header is not JSON"),
        (b"\xff\xfe\n", "header is not JSON"),
        ('{"type": "ping"}\n'.encode("utf-16"), "header is not JSON"),
        (b'{"type": NaN}\n', "NaN is not JSON"),
        (b'{"type": "a", "data": {"x": Infinity}}\n', "Infinity is not JSON"),
        (b'{"type": "a", "data": ' + b"1" * 5000 + b"}\n", "header is not JSON"),
        (b"[1]\n", "header is not a JSON object"),
        (b"{}\n", "an event without a type"),
        (b'{"type": 1}\n', "an event without a type"),
        (header(data=[]), "data is not a JSON object"),
        (header(data_length=-1), "data_length is not a length: -1"),
        (header(data_length=True), "data_length is not a length: True"),
        (header(data_length="5"), "data_length is not a length: 5"),
        (header(data_length=5.0), "data_length is not a length: 5.0"),
        (header(payload_length=[]), "payload_length is not a length"),
        (header(data_length=DATA_BYTES + 1), f"data_length {DATA_BYTES + 1} is more than {DATA_BYTES} bytes"),
        (header(payload_length=PAYLOAD_BYTES + 1), f"is more than {PAYLOAD_BYTES} bytes"),
        (header(payload_length=10**4000), f"is more than {PAYLOAD_BYTES} bytes"),
        (header(data_length=2) + b"[]", "data is not a JSON object"),
        (header(data_length=2) + b"\xc3(", "data is not JSON"),
        (b"[" * 60_000 + b"\n", "header is nested too deeply"),
        (header(data_length=200_000) + b'{"a":' * 40_000, "data is nested too deeply"),
        (b"x" * (HEADER_BYTES + 1), f"a header longer than {HEADER_BYTES} bytes"),
        (b'{"type": "pi', "in the middle of an event"),
        (header(data_length=2) + b"{", "in the middle of an event"),
        (header(payload_length=2) + b"x", "in the middle of an event"),
    ],
)
def test_what_is_not_an_event_is_one_line(raw: bytes, error: str) -> None:
    frames, text = read(raw)
    assert frames == []
    assert error in text
    assert "\n" not in text
    assert len(text) < 250


def test_the_largest_allowed_parts_are_read() -> None:
    text = "x" * (DATA_BYTES - len('{"t": ""}'))
    frame = Frame("big", {"t": text}, bytes(PAYLOAD_BYTES))
    assert read(write_frame(frame)) == ([frame], "")


def test_an_announced_length_costs_no_memory() -> None:
    async def story() -> int:
        reader = asyncio.StreamReader(limit=HEADER_BYTES)
        reader.feed_data(header(payload_length=PAYLOAD_BYTES) + bytes(100))
        tracemalloc.start()
        reading = asyncio.create_task(read_all(reader))
        await asyncio.sleep(0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        reader.feed_eof()
        assert await reading == ([], "the connection ended in the middle of an event")
        return peak

    assert drive(story()) < 100_000


def test_the_reference_takes_bad_bytes_for_a_clean_end_and_we_do_not() -> None:
    async def story() -> None:
        assert await async_read_event(reader_of(b"rubbish\n")) is None
        with pytest.raises(ProtocolError):
            await read_frame(reader_of(b"rubbish\n"))
        assert await read_frame(reader_of()) is None

    drive(story())


def test_a_peers_text_becomes_one_short_printable_line() -> None:
    assert one_line("a\nb\x1b[31m\u202ec") == "a?b?[31m?c"
    assert one_line("x" * 300, 10) == "xxxxxxx..."
