"""A microphone for threads, on the virtual card."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fakes_device import FakeSource, wait_until
from programs import SPEAK, command
from satcard.satcard import VirtualCards
from speech import clip, model

from satellite.codec.wav import write_wav
from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.core.errors import (
    AlreadyRunning,
    ChannelsOutOfRange,
    DeviceBusy,
    DeviceDenied,
    DeviceError,
    DeviceLost,
    DeviceUnsupported,
    ForkedProcess,
    ModelNotFound,
    NotRunning,
    ReadTimedOut,
)
from satellite.core.waiting import Bell
from satellite.library.chunks import Chunk, Chunker
from satellite.library.intake import Intake
from satellite.library.microphone import Microphone
from satellite.library.options import InputOptions
from satellite.library.settings import InputSettings

SOUND = (np.arange(16_000) % 7_919 + 1).astype(np.int16)
MONO = AudioFormat(RATE_HZ, 1, 2)


def spoken() -> Int16:
    """Half a second of silence, a command, two seconds of silence."""
    return np.concatenate([np.zeros(8_000, np.int16), clip("kitchen_light"), np.zeros(32_000, np.int16)])


def samples(chunk: Chunk) -> np.ndarray:
    assert isinstance(chunk.data, np.ndarray)
    return chunk.data


def wav(tmp_path: Path, sound: Int16, form: AudioFormat = MONO) -> str:
    file = tmp_path / "said.wav"
    write_wav(file, sound.tobytes(), form)
    return f"wav:{file}"


def test_chunks_have_the_size_asked_for_and_hold_every_sample_in_order(cards: VirtualCards) -> None:
    cards.be_patient()
    cards.say(SOUND)
    with Microphone(frames_per_buffer=480) as mic:
        chunks = [next(mic) for _ in range(33)]
    assert {(type(chunk), len(chunk)) for chunk in chunks} == {(bytes, 960)}
    heard = np.frombuffer(b"".join(map(bytes, chunks)), "<i2")
    assert np.array_equal(heard[: len(SOUND)], SOUND[: len(heard)])


def test_the_default_is_100_ms_of_16_bit_mono_at_16_khz_without_speech_detection(cards: VirtualCards) -> None:
    cards.say(SOUND)
    mic = Microphone()
    with mic:
        assert len(mic.read() or b"") == 3_200
        assert (mic.is_speaking, mic.vad_score) == (False, 0.0)


def test_arrays_of_floats_are_the_samples_divided_by_32768(cards: VirtualCards) -> None:
    cards.say(SOUND)
    with Microphone(dtype="float32", as_ndarray=True) as mic:
        chunk = mic.read()
    assert isinstance(chunk, np.ndarray)
    assert (chunk.dtype, chunk.shape) == (np.float32, (1_600,))
    assert np.array_equal(chunk * 32_768, SOUND[:1_600])


def test_bytes_of_floats_are_little_endian_float32(cards: VirtualCards) -> None:
    cards.say(SOUND)
    with Microphone(dtype="float32") as mic:
        chunk = mic.read()
    assert isinstance(chunk, bytes)
    assert np.array_equal(np.frombuffer(chunk, "<f4") * 32_768, SOUND[:1_600])


def test_two_channels_are_interleaved_and_arrays_have_two_columns(make_cards: Callable[..., VirtualCards]) -> None:
    cards = make_cards(mic_rates=(16_000,), mic_channels=(2,))
    both = np.stack([SOUND, -SOUND], axis=1)
    cards.say(both)
    with Microphone(channels=2, as_ndarray=True) as mic:
        chunk = mic.read()
    assert isinstance(chunk, np.ndarray)
    assert np.array_equal(chunk, both[:1_600])


def test_one_channel_of_the_device_can_be_heard(make_cards: Callable[..., VirtualCards]) -> None:
    cards = make_cards(mic_channels=(4,))
    cards.say(np.stack([SOUND * 0, SOUND * 0, SOUND, SOUND * 0], axis=1))
    with Microphone(channel=2, device="satmic", as_ndarray=True) as mic:
        assert np.array_equal(samples(mic.read_with_metadata() or pytest.fail("over")), SOUND[:1_600])


def test_a_channel_that_the_device_has_not_is_told_with_its_count(tmp_path: Path) -> None:
    mic = Microphone(channel=3, device=wav(tmp_path, SOUND))
    with pytest.raises(DeviceUnsupported, match="there is no channel 3: it has 1"):
        mic.start()
    assert not mic.is_open


@pytest.mark.parametrize("rate_hz", [1_000, 8_000, 22_050, 48_000, 384_000])
def test_any_rate_of_the_range_comes_out_with_the_right_length(tmp_path: Path, rate_hz: int) -> None:
    with Microphone(sample_rate=rate_hz, device=wav(tmp_path, SOUND), as_ndarray=True, frames_per_buffer=64) as mic:
        heard = np.concatenate([samples(chunk) for chunk in mic.iter_with_metadata()])
    assert abs(len(heard) - len(SOUND) * rate_hz / RATE_HZ) <= 1


def test_the_end_of_a_file_ends_the_stream_after_a_shorter_last_chunk(tmp_path: Path) -> None:
    with Microphone(device=wav(tmp_path, SOUND[:2_000])) as mic:
        assert [len(chunk) for chunk in mic] == [3_200, 800]
        assert not mic.is_open
        assert mic.read() is None


def test_speaking_follows_speech_with_the_hold_off_and_the_score_does_not(cards: VirtualCards) -> None:
    model("silero_vad")
    cards.be_patient()
    cards.say(spoken())
    begin, end = 8_000, 8_000 + len(clip("kitchen_light"))
    seen = []
    with Microphone(vad="silero", frames_per_buffer=512) as mic:
        for chunk in mic.iter_with_metadata():
            seen.append((chunk.sequence * 512, chunk.is_speaking, chunk.vad_score))
            assert mic.vad_score == chunk.vad_score
            assert chunk.is_speaking or not mic.is_speaking
            if chunk.sequence * 512 > end + 16_000:
                break
    assert not any(speaking for at, speaking, _ in seen if at < begin - 512)
    assert any(speaking for at, speaking, _ in seen if begin <= at < begin + 4_800)
    last_over = max(at for at, _, score in seen if score >= 0.5)
    last_speaking = max(at for at, speaking, _ in seen if speaking)
    assert 0.25 <= (last_speaking - last_over) / RATE_HZ <= 0.35
    assert all(0 <= score <= 1 for _, _, score in seen)


def test_energy_is_the_root_mean_square_of_each_chunk(tmp_path: Path) -> None:
    loud = np.full(1_600, 3_277, np.int16)
    sound = np.concatenate([np.zeros(1_600, np.int16), loud, np.zeros(8_000, np.int16)])
    with Microphone(vad="energy", device=wav(tmp_path, sound)) as mic:
        chunks = list(mic.iter_with_metadata())
    assert [round(chunk.vad_score, 3) for chunk in chunks[:3]] == [0.0, 0.1, 0.0]
    # 300 ms of hold-off: three chunks of silence.
    assert [chunk.is_speaking for chunk in chunks] == [False, True, True, True, True, False, False]


def test_while_nobody_reads_speaking_expires_by_the_clock(tmp_path: Path) -> None:
    sound = np.concatenate([np.full(1_600, 3_277, np.int16), np.zeros(1_600, np.int16)])
    with Microphone(vad="energy", device=wav(tmp_path, sound)) as mic:
        assert [chunk.is_speaking for chunk in mic.iter_with_metadata()] == [True, True]
        wait_until(lambda: not mic.is_speaking)


def test_the_threshold_and_the_hold_off_are_settings(tmp_path: Path) -> None:
    sound = np.concatenate([np.full(1_600, 3_277, np.int16), np.zeros(4_800, np.int16)])
    for threshold, holdoff_ms, speaking in [
        (0.2, 300, [0, 0, 0, 0]),
        (0.05, 0, [1, 0, 0, 0]),
        (0.05, 100, [1, 1, 0, 0]),
    ]:
        device = wav(tmp_path, sound)
        with Microphone(vad="energy", vad_threshold=threshold, vad_holdoff_ms=holdoff_ms, device=device) as mic:
            assert [chunk.is_speaking for chunk in mic.iter_with_metadata()] == speaking


def test_another_file_of_the_model_can_be_named(tmp_path: Path) -> None:
    device = wav(tmp_path, spoken())
    with Microphone(vad="silero", model_path=model("silero_vad_v5"), device=device) as mic:
        assert max(chunk.vad_score for chunk in mic.iter_with_metadata()) > 0.9
    with pytest.raises(ModelNotFound, match=r"nowhere\.onnx"), Microphone(vad="silero", model_path="nowhere.onnx"):
        pass


def test_the_model_is_loaded_when_the_microphone_starts_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "silero.onnx"
    mic = Microphone(vad="silero", model_path=path, device=wav(tmp_path, spoken()))
    with pytest.raises(ModelNotFound, match=r"silero\.onnx"):
        mic.start()
    path.write_bytes(model("silero_vad").read_bytes())
    with mic:
        assert max(chunk.vad_score for chunk in mic.iter_with_metadata()) > 0.9


def test_the_model_hears_the_same_at_any_rate_and_channel_count(make_cards: Callable[..., VirtualCards]) -> None:
    model("silero_vad")
    cards = make_cards(mic_rates=(48_000,), mic_channels=(2,))
    cards.be_patient()
    cards.say(spoken(), rate_hz=RATE_HZ)
    with Microphone(device="satmic", sample_rate=44_100, channels=2, vad="silero", frames_per_buffer=4_410) as mic:
        scores = [(mic.read_with_metadata() or pytest.fail("over")).vad_score for _ in range(18)]
    assert max(scores[:4]) < 0.5
    assert np.mean(np.array(scores[7:15]) >= 0.5) > 0.6


def test_a_chunk_is_frozen_and_numbered_and_timed(cards: VirtualCards) -> None:
    cards.say(SOUND)
    before_s = time.monotonic()
    with Microphone(frames_per_buffer=800) as mic:
        chunks = [mic.read_with_metadata() or pytest.fail("over") for _ in range(6)]
    assert [chunk.sequence for chunk in chunks] == [0, 1, 2, 3, 4, 5]
    assert before_s < chunks[0].timestamp < chunks[-1].timestamp < time.monotonic()
    # The card's clock, give or take what a busy machine adds.
    assert chunks[-1].timestamp - chunks[0].timestamp == pytest.approx(0.25, abs=0.2)
    with pytest.raises(FrozenInstanceError):
        chunks[0].sequence = 7  # type: ignore[misc]
    assert repr(chunks[1]).startswith("Chunk(timestamp=")
    assert [field.name for field in fields(Chunk)] == ["data", "timestamp", "sequence", "is_speaking", "vad_score"]


def test_leaving_closes_the_device_also_after_an_exception(cards: VirtualCards) -> None:
    mic = Microphone(device="satmic", vad="energy", vad_threshold=0.0)
    for _ in range(2):
        with pytest.raises(KeyError), mic:
            mic.read()
            assert (mic.is_open, mic.is_speaking) == (True, True)
            raise KeyError
        assert (mic.is_open, mic.is_speaking, mic.vad_score) == (False, False, 0.0)
    assert len(cards.wait_for("mic", "close", 2)) >= 2


def test_it_starts_again_after_a_stop_with_numbers_from_0_and_detection_anew(cards: VirtualCards) -> None:
    cards.say(SOUND)
    mic = Microphone(vad="energy", vad_threshold=0.0)
    for stop in (mic.stop, mic.close):
        mic.start()
        assert (mic.is_open, mic.is_speaking, mic.vad_score) == (True, False, 0.0)
        assert [(mic.read_with_metadata() or pytest.fail("over")).sequence for _ in range(2)] == [0, 1]
        stop()
        stop()
        assert (mic.is_open, mic.read()) == (False, None)


def test_a_second_start_is_refused_and_the_first_goes_on(cards: VirtualCards) -> None:
    with Microphone() as mic:
        with pytest.raises(AlreadyRunning, match="stop it before"):
            mic.start()
        assert mic.read()


def test_reading_what_was_never_started_is_refused(cards: VirtualCards) -> None:
    mic = Microphone()
    for read in (mic.read, mic.read_with_metadata, lambda: next(mic)):
        with pytest.raises(NotRunning, match="with statement"):
            read()
    mic.stop()


def test_a_read_times_out_and_the_stream_goes_on(cards: VirtualCards) -> None:
    cards.stall("mic")
    with Microphone() as mic:
        with pytest.raises(ReadTimedOut) as raised:
            mic.read(timeout_ms=1)
        assert isinstance(raised.value, TimeoutError)
        cards.go("mic")
        assert mic.read(timeout_ms=10_000)


def test_a_stop_from_another_thread_wakes_a_waiting_read(cards: VirtualCards) -> None:
    cards.stall("mic")
    mic = Microphone()
    mic.start()
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(list(mic)))
    reader.start()
    mic.stop()
    reader.join(5)
    assert got == [[]]


def test_who_reads_too_slowly_loses_the_oldest_chunks_and_can_know(tmp_path: Path) -> None:
    raw = tmp_path / "said.raw"
    raw.write_bytes(SOUND.tobytes())
    device = f"command:{command(SPEAK, raw)}"
    with Microphone(frames_per_buffer=160, queue_chunks=8, device=device, as_ndarray=True) as mic:
        wait_until(lambda: mic.statistics().chunks == 100)
        counts = mic.statistics()
        first = mic.read_with_metadata() or pytest.fail("over")
        assert (counts.waiting_chunks, counts.dropped_chunks, first.sequence) == (8, 92, 92)
        assert np.array_equal(samples(first), SOUND[-8 * 160 : -7 * 160])


def test_an_overrun_of_the_card_is_counted(cards: VirtualCards) -> None:
    with Microphone() as mic:
        mic.read()
        cards.xrun("mic")
        wait_until(lambda: mic.statistics().overruns == 1)
        assert mic.read()


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_what_an_overrun_loses_is_silence_as_long_as_the_clock_says(rate_hz: int) -> None:
    source, settings = FakeSource(MONO), InputSettings(sample_rate=rate_hz, frames_per_buffer=480, as_ndarray=True)
    intake = Intake(lambda: source, lambda source: Chunker(settings, source.format, None), 10_000, Bell())
    before_s = time.monotonic()
    intake.start()
    source.put(SOUND[:4_000].tobytes())
    wait_until(lambda: intake.counts.chunks > 0)
    heard_s = time.monotonic()
    wait_until(lambda: time.monotonic() - heard_s > 0.3)
    source.put(overrun=True)
    source.put(SOUND[4_000:8_000].tobytes())
    source.fail(EOFError())
    wait_until(lambda: not intake.running)
    chunks = [heard.chunk for heard in intake.waiting]
    sound, lost = np.concatenate([samples(chunk) for chunk in chunks]), round(intake.counts.lost_s * rate_hz)
    assert intake.counts.overruns == 1
    assert 0.25 < intake.counts.lost_s < time.monotonic() - before_s
    assert abs(len(sound) - lost - 8_000 * rate_hz / RATE_HZ) <= 2
    silence = np.flatnonzero(sound == 0)
    assert abs(silence[-1] - silence[0] + 1 - lost) <= 60
    assert all(one.timestamp <= other.timestamp for one, other in pairwise(chunks))
    if rate_hz == RATE_HZ:
        assert np.array_equal(sound[sound != 0], SOUND[:8_000])


def test_channels_can_be_put_in_another_order_and_repeated(make_cards: Callable[..., VirtualCards]) -> None:
    cards = make_cards(mic_channels=(4,))
    cards.say(np.stack([SOUND, SOUND * 0, -SOUND, SOUND * 0], axis=1))
    with Microphone(channels=3, channel=[2, 0, 2], device="satmic", as_ndarray=True) as mic:
        heard = samples(mic.read_with_metadata() or pytest.fail("over"))
    assert np.array_equal(heard, np.stack([-SOUND, SOUND, -SOUND], axis=1)[:1_600])
    for wrong, channels in [([0, 1], 1), ([], 1), ([0, 32], 2), ("01", 2), ([True], 1)]:
        with pytest.raises(ChannelsOutOfRange):
            Microphone(channels=channels, channel=wrong)  # type: ignore[arg-type]


def test_unplugging_raises_after_all_that_was_heard_and_a_start_finds_it_again(cards: VirtualCards) -> None:
    cards.say(SOUND)
    mic = Microphone(device="satmic", frames_per_buffer=160)
    mic.start()
    assert mic.read()
    cards.unplug("mic")
    wait_until(lambda: not mic.is_open)
    waiting = mic.statistics().waiting_chunks
    for _ in range(waiting):
        assert mic.read()
    depths = []
    for _ in range(3):
        with pytest.raises(DeviceLost, match="satmic") as raised:
            mic.read()
        depths.append(len(raised.traceback))
    assert len(set(depths)) == 1
    cards.plug("mic")
    mic.start()
    assert mic.read()
    mic.stop()


@pytest.mark.parametrize(("number", "error"), [(16, DeviceBusy), (13, DeviceDenied)])
def test_what_does_not_open_says_why_and_falls_back_to_the_default(
    cards: VirtualCards, tmp_path: Path, number: int, error: type[DeviceError]
) -> None:
    cards.openerr("mic", number)
    mic = Microphone(device="satmic")
    with pytest.raises(error):
        mic.start()
    assert not mic.is_open
    # The recipe: catch what all of them are, and take another.
    try:
        mic.start()
    except DeviceError:
        mic = Microphone(device=wav(tmp_path, SOUND))
    with mic:
        assert mic.read()


def test_no_right_to_the_device_says_what_to_do(cards: VirtualCards) -> None:
    cards.openerr("mic", 13)
    with pytest.raises(DeviceDenied, match="usermod -aG audio"), Microphone(device="satmic"):
        pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_told_to_make_its_own(cards: VirtualCards) -> None:
    with Microphone() as mic:
        mic.read()
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            refused = 0
            # There is nothing to stop here: who leaves a with statement is not told.
            mic.stop()
            for act in (mic.read, mic.start):
                try:
                    act()
                except ForkedProcess as error:
                    refused += "spawn" in str(error)
            os.write(write_end, b"%d%d" % (refused, mic.is_open))
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read_end, 8) == b"20"
        assert mic.read()
    os.close(read_end)
    os.close(write_end)


def test_a_microphone_that_was_forgotten_lets_go_of_its_device(cards: VirtualCards) -> None:
    mic = Microphone(device="satmic")
    mic.start()
    del mic
    cards.wait_for("mic", "close")
    wait_until(lambda: "satellite-microphone" not in [thread.name for thread in threading.enumerate()])


def test_its_repr_tells_what_was_asked_for_and_whether_it_is_open(cards: VirtualCards) -> None:
    mic = Microphone(vad="energy", gain_db=6.0)
    told = (
        "Microphone(sample_rate=16000, channels=1, frames_per_buffer=1600, dtype='int16', device=None, vad='energy', "
        "gain_db=6.0, "
    )
    assert repr(mic) == told + "closed)"
    with mic:
        assert repr(mic) == told + "open)"


def test_its_arguments_its_settings_and_the_options_are_the_same() -> None:
    arguments = list(inspect.signature(Microphone).parameters.values())
    assert [argument.name for argument in arguments] == [field.name for field in fields(InputSettings)]
    assert [argument.default for argument in arguments] == [field.default for field in fields(InputSettings)]
    assert {argument.name for argument in arguments} == set(InputOptions.__annotations__)
