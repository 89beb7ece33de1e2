"""The decoder: bytes in, PCM out, at any cutting, in every format, within bounds."""

from __future__ import annotations

import asyncio
import io
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from codec.decoding import DEADLINE_S, decoded, decoder_threads, pushed
from codec.material import MADE, material, snr_db, source, tune, wav
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.codec.frames import WAITING_S, AudioFrame
from satellite.codec.pipe import LIMIT_BYTES
from satellite.codec.stream import AudioStreamDecoder
from satellite.core.errors import (
    AudioFormatError,
    Overflow,
)

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


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_wav_of_every_width_plain_and_extensible_is_decoded(kind: str, subtype: str) -> None:
    wanted, file = tune(44_100, 0.2, 2), io.BytesIO()
    soundfile.write(file, wanted / np.float32(32768), 44_100, subtype=subtype, format=kind)
    heard = decoded(file.getvalue(), [100] * 50)
    assert heard.shape == wanted.shape
    assert np.abs(heard.astype(int) - wanted).max() <= (256 if subtype == "PCM_U8" else 1)


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
    assert repr(frame) == "AudioFrame(sample_rate=16000, num_channels=2)"


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
