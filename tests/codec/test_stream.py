"""The decoder: bytes in, PCM out, at any cutting, in every format, to every end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from codec.material import MADE, film_without_sound, material, snr_db, source, tune, wav
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.codec.frames import WAITING_S, AudioFrame
from satellite.codec.pipe import LIMIT_BYTES
from satellite.codec.stream import AudioStreamDecoder
from satellite.core.audio import Int16
from satellite.core.errors import (
    AudioFormatError,
    ChannelsOutOfRange,
    InputEnded,
    Overflow,
    RateOutOfRange,
)
from satellite.dsp.convert import HIGHEST_HZ, LOWEST_HZ, MOST_CHANNELS

DEADLINE_S = 30


def pushed(decoder: AudioStreamDecoder, data: bytes, sizes: list[int] | None = None) -> AudioStreamDecoder:
    done = 0
    for size in sizes or []:
        decoder.push(data[done : done + size])
        done += size
    decoder.push(data[done:])
    decoder.end_input()
    return decoder


def decoded(
    data: bytes,
    sizes: list[int] | None = None,
    rate_hz: int | None = None,
    channels: int | None = None,
    label: str | None = None,
) -> Int16:
    """All that comes out, shape (n, channels)."""
    with AudioStreamDecoder(sample_rate=rate_hz, num_channels=channels, format=label) as decoder:
        frames = list(pushed(decoder, data, sizes))
    return np.concatenate([frame.samples.reshape(frame.samples_per_channel, -1) for frame in frames])


def decoder_threads() -> int:
    return sum(thread.name == "AudioDecoder" for thread in threading.enumerate())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> object:
    yield
    assert decoder_threads() == 0


# --- what comes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MADE)
def test_every_format_gives_its_whole_sound(name: str) -> None:
    made, wanted = MADE[name], source(name)
    heard = decoded(material(name))
    assert 0 <= len(heard) - made.lead - len(wanted) <= made.tail
    assert snr_db(heard[made.lead :][: len(wanted)], wanted) >= made.snr_db


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 3000), max_size=40))
def test_any_cutting_gives_the_same(name: str, sizes: list[int]) -> None:
    data = material(name)
    np.testing.assert_array_equal(decoded(data, sizes), decoded(data))


@pytest.mark.parametrize("name", ["mp3", "flac", "wav"])
def test_bytes_may_come_one_by_one(name: str) -> None:
    data = material(name, 0.3)
    np.testing.assert_array_equal(decoded(data, [1] * len(data)), decoded(data))


@pytest.mark.parametrize("name", ["mp3", "flac stereo", "opus", "wav"])
@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 1), (16_000, 2), (22_050, 1)])
def test_it_comes_out_at_the_wanted_rate_and_channels(name: str, rate_hz: int, channels: int) -> None:
    seconds = 1.5
    heard = decoded(material(name, seconds), None, rate_hz, channels)
    assert heard.shape[1] == channels
    assert abs(len(heard) - seconds * rate_hz) <= 1
    wanted = tune(rate_hz, seconds, MADE[name].channels).reshape(-1, MADE[name].channels)
    if channels != MADE[name].channels:
        wanted = wanted.mean(axis=1, keepdims=True).repeat(channels, axis=1)
    inner = slice(1000, min(len(heard), len(wanted)) - 1000)
    for channel in range(channels):
        assert np.corrcoef(heard[inner, channel], wanted[inner, channel])[0, 1] > 0.995


def test_two_channels_stay_two_and_become_one_by_their_mean() -> None:
    left, right = source("flac stereo").T
    np.testing.assert_array_equal(decoded(material("flac stereo"), None, None, 2), np.stack([left, right], axis=1))
    mean = decoded(material("flac stereo"), None, None, 1)[:, 0]
    assert np.abs(mean - (left.astype(int) + right) / 2).max() <= 1


def test_the_defaults_are_48_khz_mono_of_any_format() -> None:
    with AudioStreamDecoder() as decoder:
        frame = next(pushed(decoder, material("mp3 stereo")))
    assert (frame.sample_rate, frame.num_channels) == (48_000, 1)


def test_a_frame_knows_its_rate_channels_and_length() -> None:
    frame = AudioFrame(bytes(80), 16_000, 2)
    assert (frame.samples_per_channel, frame.duration_s, frame.samples.shape) == (20, 20 / 16_000, (20, 2))
    assert AudioFrame(bytes(80), 16_000, 1).samples.shape == (40,)


def test_files_one_after_the_other_keep_the_rate_of_the_first() -> None:
    first, second = tune(16_000, 0.5), tune(48_000, 0.5, 2)
    heard = decoded(wav(first, 16_000) + wav(second, 48_000))
    np.testing.assert_array_equal(heard[: len(first), 0], first)
    assert abs(len(heard) - 2 * len(first)) <= 1


@pytest.mark.parametrize("name", ["mp3", "aac", "flac", "opus", "webm", "wav", "mp4, index first"])
def test_a_file_that_breaks_off_gives_what_it_has(name: str) -> None:
    data = material(name, 4.0)
    heard, whole = decoded(data[: len(data) // 2]), decoded(data)
    assert 0.15 * len(whole) < len(heard) < 0.7 * len(whole)
    np.testing.assert_array_equal(heard[:20_000], whole[: len(heard)][:20_000])


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("label", ["audio/mpeg", "AUDIO/WAV", "audio/flac; rate=9", "audio/nonsense"])
def test_a_wrong_label_does_not_matter(name: str, label: str) -> None:
    np.testing.assert_array_equal(decoded(material(name, 0.3), label=label), decoded(material(name, 0.3)))


# --- when it comes out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate_hz", "channels"), [(None, None), (48_000, 1)])
def test_mp3_is_heard_after_160_ms_of_it(rate_hz: int | None, channels: int | None) -> None:
    data = material("mp3")
    with AudioStreamDecoder(sample_rate=rate_hz, num_channels=channels, format="audio/mpeg") as decoder:
        decoder.push(data[: int(0.160 * 64_000 / 8)])
        assert next(decoder).samples_per_channel > 0


def test_wav_is_heard_with_its_first_sample_and_without_a_thread() -> None:
    with AudioStreamDecoder(sample_rate=None) as decoder:
        decoder.push(wav(tune(16_000, 1), 16_000)[:46])
        assert [frame.samples_per_channel for frame in decoder.available()] == [1]
        assert decoder_threads() == 0


def test_all_else_has_one_thread_from_the_first_push_on() -> None:
    with AudioStreamDecoder() as decoder:
        assert decoder_threads() == 0
        decoder.push(material("flac")[:100])
        decoder.push(material("flac")[100:])
        assert decoder_threads() == 1
    assert decoder_threads() == 0


def test_what_is_decoded_can_be_taken_without_waiting() -> None:
    with AudioStreamDecoder(sample_rate=None) as decoder:
        assert decoder.available() == []
        data = wav(tune(16_000, 1), 16_000)
        heard = 0
        for start in range(0, len(data), 1000):
            decoder.push(data[start : start + 1000])
            heard += sum(frame.samples_per_channel for frame in decoder.available())
            assert heard == max(0, min(start + 1000, len(data)) - 44) // 2
        decoder.end_input()
        assert decoder.available() == []
        assert decoder.available() == []


# --- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flac", "wav"])
def test_the_decoder_pauses_when_ten_seconds_wait_and_nothing_is_lost(name: str) -> None:
    data = material(name, 25.0)
    with AudioStreamDecoder(sample_rate=None) as decoder:
        pushed(decoder, data)
        frames, most_s = [next(decoder)], 0.0
        with decoder._bell:
            decoder._bell.wait(lambda: name == "wav" or decoder._output.waiting_s >= WAITING_S, DEADLINE_S)
        for frame in decoder:
            frames.append(frame)
            most_s = max(most_s, decoder.statistics().waiting_s)
    assert most_s <= WAITING_S + 1
    np.testing.assert_array_equal(np.concatenate([frame.samples for frame in frames]), source(name, 25.0)[:, 0])


def test_above_8_mib_pushing_is_refused_and_may_be_repeated_after_reading() -> None:
    samples = np.tile(tune(48_000, 1), 90)
    data = wav(samples, 48_000)
    assert len(data) > LIMIT_BYTES
    with AudioStreamDecoder() as decoder:
        decoder.push(data[:LIMIT_BYTES])
        with pytest.raises(Overflow):
            decoder.push(data[LIMIT_BYTES:])
        assert decoder.statistics().undecoded_bytes == LIMIT_BYTES
        reader = ThreadPoolExecutor(1)
        heard = reader.submit(lambda: sum(frame.samples_per_channel for frame in decoder))
        decoder.drain()
        decoder.push(data[LIMIT_BYTES:])
        decoder.end_input()
        assert heard.result(DEADLINE_S) == len(samples)
        reader.shutdown()


def test_a_coroutine_can_wait_for_room() -> None:
    async def run() -> int:
        data, piece = wav(np.zeros(12_000_000, np.int16), 48_000), LIMIT_BYTES // 2
        assert len(data) > 2 * LIMIT_BYTES

        async def feed(decoder: AudioStreamDecoder) -> None:
            for start in range(0, len(data), piece):
                await decoder.adrain()
                decoder.push(data[start : start + piece])
            decoder.end_input()

        async with AudioStreamDecoder() as decoder:
            feeding = asyncio.create_task(feed(decoder))
            count = sum([frame.samples_per_channel async for frame in decoder])
            await feeding
            return count

    assert asyncio.run(run()) == 12_000_000


def test_an_mp4_that_needs_more_than_may_wait_is_an_error_for_both_sides() -> None:
    silence = struct.pack(">I4s", 1 << 30, b"mdat")
    with AudioStreamDecoder() as decoder:
        decoder.push(material("mp4")[:28] + silence)
        with pytest.raises(Overflow):
            for _ in range(9):
                decoder.drain()
                decoder.push(bytes(1024 * 1024))
        with pytest.raises(AudioFormatError, match="read it as a file"):
            next(decoder)


def test_what_is_taken_at_once_is_bounded() -> None:
    with AudioStreamDecoder() as decoder:
        pushed(decoder, wav(np.zeros(8_000 * 100, np.int16), 8_000))
        taken = decoder.available()
        assert WAITING_S <= sum(frame.duration_s for frame in taken) < WAITING_S + 2
        assert sum(frame.samples_per_channel for frame in [*taken, *decoder]) == 48_000 * 100


def test_what_is_left_out_is_counted() -> None:
    data = bytearray(material("mp3", 3.0))
    data[5_000:5_100] = bytes(100)
    data[9_000:9_000] = bytes(1_000)
    with AudioStreamDecoder() as decoder:
        list(pushed(decoder, bytes(data)))
        assert decoder.statistics().skipped_bytes >= 1_000
    broken = bytearray(material("mp4, index first", 3.0))
    for place in range(len(broken) // 2, len(broken) * 2 // 3, 300):
        broken[place] ^= 0x55
    with AudioStreamDecoder() as decoder:
        heard_s = sum(frame.duration_s for frame in pushed(decoder, bytes(broken)))
        assert 1.5 < heard_s < 3.1
        assert decoder.statistics().damaged_packets > 0


def test_other_tasks_have_their_turn_while_a_long_stream_is_read() -> None:
    async def run() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with AudioStreamDecoder() as decoder:
            pushed(decoder, wav(tune(48_000, 20), 48_000))
            neighbour = asyncio.create_task(other())
            frames = len([frame async for frame in decoder])
            neighbour.cancel()
            assert turns >= frames > 50
            return turns

    assert asyncio.run(run())


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
