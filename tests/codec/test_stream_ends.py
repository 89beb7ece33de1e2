"""How a decoder ends: with the stream, with an error, or closed at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from codec.decoding import DEADLINE_S, decoded, decoder_threads, descriptors, pushed
from codec.material import MADE, film_without_sound, material, source, tune, wav
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.codec.frames import WAITING_S, AudioFrame
from satellite.codec.stream import AudioStreamDecoder
from satellite.core.errors import (
    AudioFormatError,
    ChannelsOutOfRange,
    ForkedProcess,
    InputEnded,
    RateOutOfRange,
)
from satellite.dsp.convert import HIGHEST_HZ, LOWEST_HZ, MOST_CHANNELS

# --- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[], [b""], [b"", b""]])
def test_a_stream_of_nothing_ends_without_an_error(pieces: list[bytes]) -> None:
    with AudioStreamDecoder() as decoder:
        for piece in pieces:
            decoder.push(piece)
        decoder.end_input()
        decoder.end_input()
        assert list(decoder) == []


def test_a_decoder_is_for_one_stream() -> None:
    with AudioStreamDecoder() as decoder:
        list(pushed(decoder, material("wav")))
        with pytest.raises(InputEnded):
            decoder.push(material("wav"))


@pytest.mark.parametrize(
    ("data", "label"),
    [
        (b"nonsense" * 1000, None),
        (b"no", None),
        (b"RIFFnonsense" * 100, None),
        (b"nonsense" * 1000, "audio/wav"),
        (b"nonsense" * 1000, "audio/mpeg"),
        (b"nonsense" * 1000, "audio/aac"),
        (b"nonsense" * 1000, "audio/flac"),
        (b"nonsense" * 1000, "audio/ogg"),
        (b"nonsense" * 1000, "audio/webm"),
        (b"nonsense" * 1000, "audio/mp4"),
        (b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(1000), None),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", None),
        (b"ffconcat version 1.0\nfile sound\n", None),
        (b"ffconcat version 1.0\nfile sound\n", "audio/ogg"),
        (b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n", "audio/mpeg"),
        (material("flac")[:60], None),
        (material("opus")[:200], None),
        (material("mp4")[:400], None),
        (material("mp3")[:100], None),
    ],
)
def test_what_is_no_sound_is_an_error_for_the_reader_each_time(data: bytes, label: str | None) -> None:
    with AudioStreamDecoder(format=label) as decoder:
        pushed(decoder, data)
        for _ in range(2):
            with pytest.raises(AudioFormatError):
                list(decoder)
        with pytest.raises(AudioFormatError):
            decoder.available()


def test_a_container_without_sound_says_so() -> None:
    with AudioStreamDecoder() as decoder, pytest.raises(AudioFormatError, match="there is no sound in it"):
        list(pushed(decoder, film_without_sound()))


@pytest.mark.parametrize("name", ["mp3", "wav"])
def test_the_sound_before_an_error_is_heard_and_then_the_error(name: str) -> None:
    bad = wav(tune(16_000, 0.1), 16_000).replace(b"\1\0\1\0", b"\x55\0\1\0", 1) if name == "wav" else b"\x55" * 400_000
    with AudioStreamDecoder(sample_rate=None) as decoder:
        pushed(decoder, material(name) + bad)
        heard = 0
        with pytest.raises(AudioFormatError):
            for frame in decoder:
                heard += frame.samples_per_channel
    assert heard >= 0.9 * len(source(name))


def test_after_an_error_pushing_goes_on_and_takes_no_memory() -> None:
    with AudioStreamDecoder() as decoder:
        decoder.push(b"nonsense, surely")
        for _ in range(20):
            decoder.push(bytes(1024 * 1024))
        assert decoder.statistics().undecoded_bytes == 0
        with pytest.raises(AudioFormatError):
            next(decoder)


def test_impossible_wishes_are_refused_at_once() -> None:
    for rate_hz in (0, LOWEST_HZ - 1, HIGHEST_HZ + 1):
        with pytest.raises(RateOutOfRange):
            AudioStreamDecoder(sample_rate=rate_hz)
    for channels in (0, MOST_CHANNELS + 1):
        with pytest.raises(ChannelsOutOfRange):
            AudioStreamDecoder(num_channels=channels)
    for wish in ({"sample_rate": 16_000.5}, {"sample_rate": "16000"}, {"num_channels": 1.5}):
        with pytest.raises(TypeError):
            AudioStreamDecoder(**wish)  # type: ignore[arg-type]


# --- closing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=10, deadline=None)
@given(pushes=st.integers(0, 12), reads=st.integers(0, 8), ended=st.booleans())
def test_it_can_be_closed_at_any_moment(name: str, pushes: int, reads: int, ended: bool) -> None:
    data = material(name)
    piece = len(data) // 10

    async def run() -> None:
        decoder = AudioStreamDecoder(sample_rate=16_000)
        for n in range(pushes):
            decoder.push(data[n * piece : (n + 1) * piece])
        if ended:
            decoder.end_input()
        reader = asyncio.create_task(anext(decoder, None)) if reads > 4 else None
        for _ in range(reads):
            await asyncio.sleep(0)
        await decoder.aclose()
        await decoder.aclose()
        if reader:
            # What breaks off is an error for whoever read before it was closed.
            with contextlib.suppress(AudioFormatError):
                await asyncio.wait_for(reader, DEADLINE_S)
        assert [frame async for frame in decoder] == []
        if not ended:
            decoder.push(data)
        assert decoder.statistics().undecoded_bytes == 0

    asyncio.run(run())
    assert decoder_threads() == 0


def test_closing_wakes_a_reader_in_another_thread() -> None:
    decoder = AudioStreamDecoder()
    decoder.push(material("flac")[:50])
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: list(decoder))
        decoder.close()
        assert reading.result(DEADLINE_S) == []


def test_closing_frees_a_decoder_that_waits_for_its_reader() -> None:
    with AudioStreamDecoder() as decoder:
        pushed(decoder, material("flac", 25.0))
        with decoder._bell:
            assert decoder._bell.wait(lambda: decoder._output.waiting_s >= WAITING_S, DEADLINE_S)
    assert decoder_threads() == 0


def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    async def run() -> list[AudioFrame]:
        async with AudioStreamDecoder(sample_rate=None) as decoder:
            waiting = asyncio.create_task(anext(decoder))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            pushed(decoder, material("flac"))
            return [frame async for frame in decoder]

    frames = asyncio.run(run())
    np.testing.assert_array_equal(np.concatenate([frame.samples for frame in frames]), source("flac")[:, 0])


def test_a_task_reads_while_the_bytes_arrive() -> None:
    async def run() -> int:
        async with AudioStreamDecoder(sample_rate=None) as decoder:
            data = material("mp3")
            reading = asyncio.create_task(anext(decoder))
            for start in range(0, len(data), 500):
                decoder.push(data[start : start + 500])
                if not reading.done():
                    await asyncio.sleep(0)
            heard = (await asyncio.wait_for(reading, DEADLINE_S)).samples_per_channel
            decoder.end_input()
            return heard + sum([frame.samples_per_channel async for frame in decoder])

    assert asyncio.run(run()) == len(source("mp3"))


def test_a_decoder_that_is_forgotten_ends_its_thread() -> None:
    decoder = AudioStreamDecoder()
    decoder.push(material("flac")[:1000])
    thread = decoder._thread
    assert thread
    del decoder
    gc.collect()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_many_decoders_leave_no_descriptors() -> None:
    decoded(material("mp3", 0.3))
    before = descriptors()
    for name in ["mp3", "flac", "mp4", "wav"] * 15:
        decoded(material(name, 0.3))
    assert descriptors() == before


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told_to_make_its_own() -> None:
    with AudioStreamDecoder() as decoder:
        decoder.push(material("flac"))
        child = os.fork()
        if child == 0:
            signal.alarm(DEADLINE_S)
            refused = 0
            for use in (decoder.end_input, decoder.available, decoder.statistics, decoder.drain, decoder.__next__):
                try:
                    use()
                except ForkedProcess:
                    refused += 1
            decoder.close()
            os._exit(refused)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5


def test_a_program_that_ends_within_a_stream_ends_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "sound").write_bytes(material("flac", 25.0))
    program = (
        "import sys; from pathlib import Path; from satellite import AudioStreamDecoder; "
        "decoder = AudioStreamDecoder(); decoder.push(Path(sys.argv[1]).read_bytes()); next(decoder)"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "sound")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
