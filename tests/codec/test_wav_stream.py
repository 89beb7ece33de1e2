"""WAV files one after the other in one stream."""

from __future__ import annotations

import numpy as np
import pytest
from codec.material import wav
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.codec.frames import Sound
from satellite.codec.wav_stream import WavStream
from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError

ONE, TWO = np.arange(1, 60, dtype=np.int16), -np.arange(1, 80, dtype=np.int16).reshape(-1, 1).repeat(2, axis=1)
ENDLESS = 0xFFFF_FFFF
MONO, STEREO = AudioFormat(16_000, 1, 2), AudioFormat(44_100, 2, 2)


def heard(data: bytes, sizes: list[int] | None = None) -> list[Sound]:
    """What comes out, sounds of the same format joined."""
    stream, sounds, done = WavStream(), [], 0
    for size in sizes or [len(data)]:
        sounds += stream.feed(data[done : done + size])
        done += size
    sounds += stream.feed(data[done:]) + stream.finish()
    joined: dict[AudioFormat, bytes] = {}
    for form, pcm in sounds:
        joined[form] = joined.get(form, b"") + pcm
    return list(joined.items())


@pytest.mark.parametrize("length", [None, ENDLESS])
@pytest.mark.parametrize("between", [b"", b"LIST\4\0\0\0abcd", b"\0", b"junk RIF RIFFRIFF"])
def test_a_new_header_begins_a_new_file(length: int | None, between: bytes) -> None:
    data = wav(ONE, 16_000, length) + (b"" if length else between) + wav(TWO, 44_100, length)
    assert heard(data) == [(MONO, ONE.tobytes()), (STEREO, TWO.tobytes())]


def test_a_header_within_a_sound_of_known_length_is_sound() -> None:
    inner = np.frombuffer(wav(ONE, 16_000), np.int16)
    assert heard(wav(inner, 16_000)) == [(MONO, inner.tobytes())]


@pytest.mark.parametrize("rest", [b"R", b"RIFF", b"RIFF\0\0\0\0WAV"])
def test_the_beginning_of_a_header_that_does_not_come_is_sound(rest: bytes) -> None:
    samples = np.frombuffer(b"\1\2" + rest + bytes(len(rest) % 2), np.int16)
    assert heard(wav(samples, 16_000, ENDLESS)) == [(MONO, samples.tobytes())]


def test_sound_does_not_wait_for_what_may_follow() -> None:
    stream = WavStream()
    header = wav(ONE[:0], 16_000, 1000)
    assert stream.feed(header + b"\1\2\3") == [(MONO, b"\1\2")]
    assert stream.feed(b"\4") == [(MONO, b"\3\4")]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([wav(ONE, 16_000), wav(TWO, 44_100, ENDLESS), b"LIST", b"RIFF", b"WAVE", b"R"]), max_size=6
    ),
    st.lists(st.integers(1, 60), max_size=40),
)
def test_any_cutting_gives_the_same(parts: list[bytes], sizes: list[int]) -> None:
    data = wav(ONE, 16_000) + b"".join(parts)
    outcomes = []
    for cuts in (None, sizes, [1] * len(data)):
        try:
            outcomes.append(str(heard(data, cuts)))
        except AudioFormatError as error:
            outcomes.append(str(error))
    assert len(set(outcomes)) == 1


def test_a_stream_that_ends_before_a_sound_began_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="before its sound"):
        heard(wav(ONE, 16_000)[:30])
