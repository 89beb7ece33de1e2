"""MP3 is cut into frames here: early, at any cutting, without the encoder's silence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from codec.material import Made, encoded, material, tune
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.codec.ffmpeg import sound_in
from satellite.codec.frames import Conformer, Losses
from satellite.codec.kinds import Kind, tag_bytes
from satellite.codec.mp3 import SEARCH_LIMIT_BYTES, FrameCutter, Header, header_at
from satellite.core.errors import AudioFormatError

SECONDS = 1.0
# (rate in Hz, bit/s): what voices and music come in.
STREAMS = [
    (16_000, 32_000),
    (22_050, 32_000),
    (24_000, 48_000),
    (24_000, 160_000),
    (44_100, 128_000),
    (48_000, 320_000),
]


class Trickle:
    """A stream that comes a few bytes at a time, and is counted."""

    def __init__(self, data: bytes, size: int = 16) -> None:
        self.data, self.size, self.given = data, size, 0

    def read(self, size: int) -> bytes:
        piece = self.data[self.given : self.given + min(size, self.size)]
        self.given += len(piece)
        return piece


@cache
def made(rate_hz: int, bit_rate: int, channels: int = 1) -> bytes:
    return encoded(Made("mp3", "libmp3lame", rate_hz, channels, bit_rate=bit_rate), tune(rate_hz, SECONDS, channels))


def cut(data: bytes, sizes: list[int] | None = None) -> list[tuple[Header, bytes]]:
    cutter, frames, done = FrameCutter(), [], 0
    for size in sizes or []:
        frames += cutter.feed(data[done : done + size])
        done += size
    return frames + cutter.feed(data[done:]) + cutter.feed(b"", whole=True)


@pytest.mark.parametrize("to_hz", [None, 8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_the_first_sample_needs_at_most_160_ms_of_the_stream(rate_hz: int, to_hz: int | None) -> None:
    for bit_rate in [32_000, 40_000, 64_000, 160_000] + [320_000] * (rate_hz > 24_000):
        data = made(rate_hz, bit_rate)
        stream, conformer = Trickle(data), Conformer(to_hz, 1)
        assert next(frame for sound in sound_in(stream, Kind.MP3, Losses()) for frame in conformer.frames(sound))
        # The title before the sound can have any length.
        assert (stream.given - tag_bytes(data[:10])) * 8 / bit_rate <= 0.160


@pytest.mark.parametrize(("rate_hz", "bit_rate"), STREAMS)
def test_the_sound_has_neither_the_encoders_delay_nor_its_padding(rate_hz: int, bit_rate: int) -> None:
    pcm = b"".join(pcm for _, pcm in sound_in(Trickle(made(rate_hz, bit_rate), 4096), Kind.MP3, Losses()))
    heard, wanted = np.frombuffer(pcm, "<i2").astype(float), tune(rate_hz, SECONDS).astype(float)
    assert len(heard) == len(wanted)
    assert np.corrcoef(heard, wanted)[0, 1] > 0.99


def test_two_files_in_one_stream_are_both_whole() -> None:
    data = material("mp3")
    once = b"".join(pcm for _, pcm in sound_in(Trickle(data, 4096), Kind.MP3, Losses()))
    twice = b"".join(pcm for _, pcm in sound_in(Trickle(data * 2, 4096), Kind.MP3, Losses()))
    assert len(twice) == 2 * len(once)


def test_frames_of_all_layers_and_versions_are_measured() -> None:
    assert header_at(b"\xff\xfb\x90\x00", 0) == Header(3, 3, 44_100, False, 417)
    assert header_at(b"\xff\xfb\x92\xc0", 0) == Header(3, 3, 44_100, True, 418)
    assert header_at(b"\xff\xf3\x84\xc0", 0) == Header(2, 3, 24_000, True, 192)
    assert header_at(b"\xff\xe3\x18\xc0", 0) == Header(0, 3, 8_000, True, 72)
    assert header_at(b"\xff\xfd\x90\x00", 0) == Header(3, 2, 44_100, False, 522)
    assert header_at(b"\xff\xff\x90\x00", 0) == Header(3, 1, 44_100, False, 312)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfb\xf0\x00",
        b"\xff\xfb\x00\x00",
        b"\xff\xfb\x9c\x00",
        b"\xff\xeb\x90\x00",
        b"\xff\xf9\x90\x00",
        b"\xff\xfb\x90",
    ],
)
def test_what_cannot_be_a_header_is_none(data: bytes) -> None:
    assert header_at(data, 0) is None


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=40),
    st.lists(st.integers(1, 900), max_size=60),
    st.integers(0, 3000),
    st.sampled_from([b"", b"ID3\4\0\0\0\0\0\x40" + bytes(64), b"\xff\xfb\x90", b"TAG" + bytes(125)]),
)
def test_any_cutting_and_any_dirt_gives_the_same_frames(dirt: bytes, sizes: list[int], at: int, tag: bytes) -> None:
    whole = material("mp3")[:4000]
    data = whole[:at] + dirt + tag + whole[at:]
    assert cut(data, sizes) == cut(data) == cut(data, [1] * len(data))


def test_frames_and_what_was_skipped_are_all_there_is() -> None:
    cutter = FrameCutter()
    data = material("mp3")
    clean = cutter.feed(data) + cutter.feed(b"", whole=True)
    assert sum(len(frame) for _, frame in clean) == len(data) - tag_bytes(data[:10])
    assert cutter.skipped_bytes == 0


def test_the_search_for_a_frame_is_bounded() -> None:
    cutter = FrameCutter()
    with pytest.raises(AudioFormatError, match="no MPEG audio"):
        for _ in range(SEARCH_LIMIT_BYTES // 1000 + 2):
            cutter.feed(bytes(1000))
