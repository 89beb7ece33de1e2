"""The pipe between whoever pushes and the decoder."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.codec.pipe import LIMIT_BYTES, StreamBuffer
from satellite.core.errors import InputEnded, Overflow


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(1, 20), min_size=1))
def test_bytes_come_out_as_they_went_in_however_both_are_cut(pieces: list[bytes], sizes: list[int]) -> None:
    pipe = StreamBuffer()
    for piece in pieces:
        pipe.push(piece)
    pipe.end_input()
    out = b""
    while data := pipe.read(sizes[len(out) % len(sizes)]):
        out += data
    assert out == b"".join(pieces)


def test_nothing_some_or_all_can_be_read() -> None:
    pipe = StreamBuffer()
    assert pipe.read(0) == b""
    pipe.push(b"abcdef")
    assert pipe.read(0) == b""
    assert pipe.read(2) == b"ab"
    assert pipe.read(-1) == b"cdef"
    assert pipe.waiting_bytes == 0


def test_a_look_leaves_the_bytes_where_they_are() -> None:
    pipe = StreamBuffer()
    pipe.push(b"abc")
    assert pipe.peek(2) == b"ab"
    pipe.end_input()
    assert pipe.peek(9) == b"abc"
    assert pipe.read() == b"abc"


def test_a_reader_waits_for_the_first_byte_and_the_writer_for_nobody() -> None:
    pipe = StreamBuffer()
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read, 10)
        pipe.push(b"a")
        assert read.result(20) == b"a"


def test_the_end_lets_readers_take_the_rest_and_wakes_them() -> None:
    pipe = StreamBuffer()
    pipe.push(b"rest")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(lambda: [pipe.read(4), pipe.read(4)])
        pipe.end_input()
        assert read.result(20) == [b"rest", b""]


@pytest.mark.parametrize("reading", [lambda pipe: pipe.read(5), lambda pipe: pipe.peek(5)])
def test_closing_wakes_readers_with_nothing_and_drops_what_waits(reading: object) -> None:
    pipe = StreamBuffer()
    started = threading.Event()

    def read() -> bytes:
        started.set()
        return reading(pipe)  # type: ignore[operator]

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(read)
        assert started.wait(20)
        pipe.close()
        pipe.close()
        assert result.result(20) == b""
    pipe.push(b"dropped")
    assert pipe.waiting_bytes == 0


def test_more_than_the_limit_is_refused_whole_and_may_come_again() -> None:
    pipe = StreamBuffer()
    pipe.push(bytes(LIMIT_BYTES))
    with pytest.raises(Overflow, match="read first"):
        pipe.push(b"x")
    assert pipe.waiting_bytes == LIMIT_BYTES
    pipe.read(1)
    pipe.push(b"x")


def test_nothing_comes_after_the_end() -> None:
    pipe = StreamBuffer()
    pipe.end_input()
    with pytest.raises(InputEnded):
        pipe.push(b"x")


def test_what_was_read_is_given_back_to_the_system() -> None:
    pipe = StreamBuffer()
    pipe.push(bytes(5 * 1024 * 1024))
    while pipe.waiting_bytes > 4096:
        pipe.read(4096)
    assert pipe._bytes.__alloc__() < 64 * 1024


def test_any_object_that_holds_bytes_goes_in_and_nothing_else() -> None:
    pipe = StreamBuffer()
    words = np.array([1, 2], np.int32)
    for data in (bytearray(b"ab"), memoryview(b"cd"), words.data):
        pipe.push(data)
    assert pipe.read() == b"abcd" + words.tobytes()
    for nonsense in ("text", 5, None, [1]):
        with pytest.raises(TypeError):
            pipe.push(nonsense)  # type: ignore[arg-type]
    assert pipe.waiting_bytes == 0


def test_what_never_fits_is_to_come_in_smaller_pieces() -> None:
    with pytest.raises(Overflow, match="smaller pieces"):
        StreamBuffer().push(bytes(LIMIT_BYTES + 1))
