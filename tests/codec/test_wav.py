"""WAV files: what others write is understood, what we write is understood by others, garbage is refused."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutations, without_growth

from satellite.codec.wav import HEADER_LIMIT_BYTES, WavReader, read_wav, wav_header, write_wav
from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError

SAMPLES = np.random.default_rng(5).integers(-30_000, 30_000, (500, 2), dtype=np.int16)
MONO = AudioFormat(16_000, 1, 2)


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return struct.pack("<4sI", name, len(data) if size is None else size) + data + bytes(len(data) % 2)


def riff(*chunks: bytes, size: int = 0) -> bytes:
    return struct.pack("<4sI4s", b"RIFF", size, b"WAVE") + b"".join(chunks)


def fmt(tag: int = 1, channels: int = 1, rate_hz: int = 16_000, bits: int = 16, more: bytes = b"") -> bytes:
    frame = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame, frame, bits) + more)


def read(data: bytes, piece: int | None = None) -> tuple[AudioFormat, bytes]:
    reader = WavReader()
    pieces = [data] if piece is None else [data[i : i + piece] for i in range(0, len(data), piece)]
    pcm = b"".join(reader.feed(part) for part in pieces)
    return reader.finish(), pcm


def written_by_soundfile(subtype: str, kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    samples = SAMPLES / np.float32(32768) if subtype == "FLOAT" else SAMPLES
    soundfile.write(file, samples, 44_100, subtype=subtype, format=kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_every_wide_kind_plain_and_extensible_gives_the_same_16_bits(kind: str, subtype: str) -> None:
    form, pcm = read(written_by_soundfile(subtype, kind))
    assert form == AudioFormat(44_100, 2, 2)
    np.testing.assert_array_equal(np.frombuffer(pcm, "<i2").reshape(-1, 2), SAMPLES)


def test_8_bit_files_are_understood() -> None:
    form, pcm = read(written_by_soundfile("PCM_U8"))
    assert form == AudioFormat(44_100, 2, 2)
    assert np.abs(np.frombuffer(pcm, "<i2").reshape(-1, 2).astype(int) - SAMPLES).max() <= 256


@pytest.mark.parametrize("piece", [1, 7, 44, 1000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_any_cutting_gives_the_same(piece: int, subtype: str) -> None:
    data = written_by_soundfile(subtype, "WAVEX")
    assert read(data, piece) == read(data)


def test_unknown_chunks_of_odd_length_are_skipped_with_their_padding() -> None:
    data = riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"cue ", b"12345"), chunk(b"data", b"\1\2\3\4"))
    assert read(data, 1) == (MONO, b"\1\2\3\4")


def test_what_follows_the_data_is_not_sound() -> None:
    data = riff(fmt(), chunk(b"data", b"\1\2"), chunk(b"LIST", b"noise"))
    assert read(data)[1] == b"\1\2"
    assert read(data, 1)[1] == b"\1\2"


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_an_endless_length_means_to_the_end(size: int) -> None:
    assert read(riff(fmt(), chunk(b"data", b"\1\2\3\4", size)))[1] == b"\1\2\3\4"


def test_a_length_of_zero_is_endless_only_when_the_file_does_not_know_its_own_either() -> None:
    body = fmt() + chunk(b"data", b"\1\2", 0)
    assert read(riff(body, size=0))[1] == b"\1\2"
    assert read(riff(body, size=38))[1] == b""


def test_a_file_cut_off_within_its_sound_gives_the_whole_frames_it_has() -> None:
    assert read(riff(fmt(channels=2), chunk(b"data", b"\1\2\3\4\5\6", 400)))[1] == b"\1\2\3\4"


def test_sound_arrives_before_the_file_is_complete() -> None:
    reader = WavReader()
    assert reader.feed(wav_header(MONO, 1000) + b"\1\2\3") == b"\1\2"
    assert reader.feed(b"\4") == b"\3\4"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"RIFX" + bytes(60), "does not begin with RIFF"),
        (b"ID3", "does not begin with RIFF"),
        (b"RIFF\0\0\0\0AVI " + bytes(60), "another kind"),
        (riff(chunk(b"data", b"\1\2")), "before its format"),
        (riff(fmt(tag=0x55), chunk(b"data", b"")), "0x55"),
        (riff(fmt(tag=3, bits=64), chunk(b"data", b"")), "64 bits"),
        (riff(fmt(channels=0), chunk(b"data", b"")), "contradicts"),
        (riff(fmt(rate_hz=0), chunk(b"data", b"")), "contradicts itself: 0 Hz"),
        (riff(chunk(b"fmt ", b"short")), "5 bytes"),
        (riff(chunk(b"fmt ", b"", size=1 << 30)), "bytes"),
        (riff(chunk(b"LIST", b"", size=1 << 30)) + bytes(9), "no sound within"),
        (b"", "before its sound"),
        (riff(fmt()), "before its sound"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(AudioFormatError, match=why):
        read(data)
    with pytest.raises(AudioFormatError, match=why):
        read(data, 1)


def test_a_refused_file_stays_refused() -> None:
    reader = WavReader()
    for data in (b"nonsense", riff(fmt(), chunk(b"data", b"\1\2"))):
        with pytest.raises(AudioFormatError):
            reader.feed(data)


def test_the_search_for_sound_is_bounded() -> None:
    reader = WavReader()
    reader.feed(riff())
    endless = chunk(b"LIST", bytes(1000))
    with pytest.raises(AudioFormatError, match="no sound within"):
        for _ in range(HEADER_LIMIT_BYTES // len(endless) + 2):
            reader.feed(endless)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 60), st.integers(1, 50))
def test_any_bytes_parse_or_raise_our_error(garbage: bytes, keep: int, piece: int) -> None:
    valid = riff(fmt(more=b"\0\0"), chunk(b"LIST", b"abc"), chunk(b"data", bytes(20)))
    for data in (garbage, valid[:keep] + garbage, valid[:keep] + garbage + valid[keep:]):
        outcomes = []
        for size in (None, piece):
            try:
                outcomes.append(str(read(data, size)))
            except AudioFormatError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]


WHOLE = riff(fmt(more=b"\0\0"), chunk(b"LIST", b"abc"), chunk(b"data", bytes(range(200))))


def outcome(data: bytes, piece: int | None) -> object:
    try:
        return read(data, piece)
    except AudioFormatError as error:
        return str(error)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_damaged_files_are_read_or_refused_in_any_pieces(count: int, show: Callable[[str], None]) -> None:
    seeds = (WHOLE, written_by_soundfile("PCM_24")[:500], written_by_soundfile("FLOAT", "WAVEX")[:500])
    for number, data in enumerate(without_growth(mutations(seeds, count, seed=count), count)):
        whole = outcome(data, None)
        assert outcome(data, 50 if number % 20 else 1) == whole
        assert not isinstance(whole, str) or whole.isprintable()
    show(f"fuzz: {count:,} damaged WAV files read whole and in pieces, {count // 20:,} of them byte by byte")


@pytest.mark.parametrize("form", [MONO, AudioFormat(22_050, 2, 2), AudioFormat(48_000, 1, 3), AudioFormat(8_000, 1, 1)])
def test_what_we_write_others_read(tmp_path: Path, form: AudioFormat) -> None:
    pcm = bytes(range(form.frame_bytes * 7))
    write_wav(tmp_path / "a.wav", pcm, form)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (
            form.rate_hz,
            form.channels,
            form.width_bytes,
        )
        frames = file.readframes(100)
    assert frames == (bytes(b ^ 0x80 for b in pcm) if form.width_bytes == 1 else pcm)
    assert (tmp_path / "a.wav").stat().st_size % 2 == 0


def test_what_we_write_we_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", SAMPLES.tobytes(), AudioFormat(44_100, 2, 2))
    assert read_wav(tmp_path / "a.wav") == (AudioFormat(44_100, 2, 2), SAMPLES.tobytes())


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "none.wav")
