"""One microphone's echo: what a speaker plays, or what is pushed, is taken out of what is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from echo_room import Room as Walls
from echo_room import for_speaker, voice
from fakes_device import wait_until
from hypothesis import given, settings
from hypothesis import strategies as st
from satcard.room import Room
from satcard.satcard import VirtualCards
from speech import model

from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.core.errors import (
    AlreadyRunning,
    ArgumentError,
    ChannelsOutOfRange,
    RateOutOfRange,
    SamplesUnfit,
    SettingOutOfRange,
)
from satellite.dsp import speex
from satellite.library.async_speaker import AsyncSpeaker
from satellite.library.echo import Echo
from satellite.library.media import open_input, open_output
from satellite.library.microphone import Microphone
from satellite.library.preprocessor import Preprocessor
from satellite.library.settings import InputSettings
from satellite.library.speaker import Speaker

pytestmark = pytest.mark.skipif(bool(speex.missing()), reason="libspeexdsp1 is not installed")

SECONDS = 8


def level(sound: np.ndarray, begin_s: float, end_s: float, rate_hz: int = RATE_HZ) -> float:
    part = sound[round(begin_s * rate_hz) : round(end_s * rate_hz)].astype(np.float64)
    return float(20 * np.log10(np.std(part) + 1e-9))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_what_a_speaker_plays_is_not_heard_by_its_microphone(cards: VirtualCards, rate_hz: int) -> None:
    heard, far = [], voice(SECONDS)
    cards.be_patient()
    with (
        Room(cards, delay_s=0.8, gain=0.5),
        Microphone(device="satmic", sample_rate=rate_hz, frames_per_buffer=rate_hz // 10, aec=True) as mic,
        Speaker(device="satspk", sample_rate=48_000, heard_by=mic, queue_ms=60_000, buffer_ms=400) as speaker,
    ):
        speaker.write(for_speaker(far))
        while speaker.is_playing:
            heard.append(np.frombuffer(bytes(mic.read() or b""), "<i2"))
        metrics = mic.aec_metrics()
    sound = np.concatenate(heard)
    assert level(sound, 5.5, SECONDS - 0.5, rate_hz) < level(far, 4.7, SECONDS - 1.3) - 6 - 10
    assert metrics.erle_db > 10
    assert metrics.delay_ms == pytest.approx(800, abs=60)
    assert metrics.failures == 0


@pytest.mark.timeout(120)
def test_in_a_call_the_output_shares_the_inputs_echo_processing(cards: VirtualCards) -> None:
    async def main() -> tuple[float | None, float]:
        microphone = await open_input(input_device="satmic", sample_rate=16_000, noise_suppression=False)
        speaker = await open_output(output_device="satspk", heard_by=microphone, buffer_ms=400)
        assert microphone.settings.aec
        writing = asyncio.create_task(speaker.write(for_speaker(voice(SECONDS))))
        while not writing.done() or speaker.is_playing:
            await microphone.read()
        metrics = microphone.aec_metrics()
        await speaker.stop()
        await microphone.stop()
        return metrics.delay_ms, metrics.erle_db

    cards.be_patient()
    with Room(cards, delay_s=0.8, gain=0.5):
        delay_ms, erle_db = asyncio.run(main())
    assert delay_ms == pytest.approx(800, abs=60)
    assert erle_db > 10


def test_while_nothing_plays_the_sound_passes_as_it_is(cards: VirtualCards) -> None:
    sound = voice(1)
    cards.say(sound)
    with Microphone(device="satmic", aec=True) as mic, Speaker(device="satspk", heard_by=mic):
        heard = np.frombuffer(b"".join(bytes(mic.read() or b"") for _ in range(9)), "<i2")
        metrics = mic.aec_metrics()
    np.testing.assert_array_equal(heard, sound[: len(heard)])
    assert (metrics.active, metrics.delay_ms, metrics.cancelled_s) == (False, None, 0)


def test_speech_detection_hears_the_sound_without_the_echo(cards: VirtualCards) -> None:
    model("silero_vad")
    with Microphone(device="satmic", aec=True, vad="energy") as mic:
        chunk = mic.read_with_metadata() or pytest.fail("over")
    assert chunk.vad_score == pytest.approx(float(np.std(np.frombuffer(bytes(chunk.data), "<i2"))) / 32_768, abs=1e-3)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def pushed(chunk_s: float, jitter_s: float = 0.0) -> tuple[Int16, Int16, Echo]:
    """What a microphone hears of sound that is pushed in chunks, not quite in time; before and after."""
    far, clock, random = voice(SECONDS), Clock(), np.random.default_rng(2)
    walls = Walls(delay_s=0.08)
    near = np.rint(walls.echo(for_speaker(far))[: len(far)]).astype(np.int16)
    echo, size, passed = Echo(InputSettings(aec=True), clock), round(chunk_s * RATE_HZ), []
    due = [(at / RATE_HZ + random.uniform(0, jitter_s), far[at : at + size]) for at in range(0, len(far), size)]
    for at in range(0, len(near), 256):
        clock.now_s = 100.0 + (at + 256) / RATE_HZ
        while due and due[0][0] <= clock.now_s - 100.0:
            echo.push(due.pop(0)[1].tobytes(), AudioFormat(RATE_HZ, 1, 2))
        passed.append(echo.canceller.process(near[at : at + 256], clock.now_s))
    return near, np.concatenate(passed), echo


@pytest.mark.parametrize(("chunk_s", "jitter_s"), [(0.01, 0.0), (0.02, 0.03), (0.5, 0.02)])
def test_what_is_pushed_is_taken_out_and_its_delay_is_told(chunk_s: float, jitter_s: float) -> None:
    near, left, echo = pushed(chunk_s, jitter_s)
    assert level(left, 5, 7.5) < level(near, 5, 7.5) - 15
    told = echo.statistics()
    assert told.delay_ms == pytest.approx(80, abs=jitter_s * 1000 + 20)
    assert (told.starved_ms, told.dropped_ms, told.breaks) == (0, 0, 1)


def test_what_is_pushed_more_than_two_seconds_ahead_is_dropped_counted_and_silence() -> None:
    clock = Clock()
    echo, form = Echo(InputSettings(aec=True), clock), AudioFormat(RATE_HZ, 1, 2)
    second = np.full(RATE_HZ, 1_000, np.int16).tobytes()
    for _ in range(5):
        echo.push(second, form)
    assert echo.statistics().dropped_ms == pytest.approx(3_000, abs=1)
    # What follows 4.5 s later is at its own place: the sound that was dropped is silence before it.
    clock.now_s += 4.5
    echo.push(second, form)
    begin = echo.reference.sample_at(clock.now_s) or pytest.fail("nothing was pushed")
    kept = echo.reference.read(round(begin) - 3 * RATE_HZ, 5 * RATE_HZ)
    assert [int(kept[round(at * RATE_HZ)]) for at in (0.2, 1.0, 2.0, 3.0, 3.8, 4.2)] == [0, 0, 0, 0, 1_000, 1_000]


def test_nothing_pushed_is_silence_and_a_pause_does_no_harm() -> None:
    clock = Clock()
    echo, form = Echo(InputSettings(aec=True), clock), AudioFormat(RATE_HZ, 1, 2)
    quiet = np.full(160, 7, np.int16)
    np.testing.assert_array_equal(echo.canceller.process(quiet, clock.now_s), quiet)
    for _ in range(3):
        echo.push(bytes(320), form)
        clock.now_s += 5
    assert echo.statistics().breaks == 3


def test_one_at_a_time_tells_what_is_played(cards: VirtualCards) -> None:
    mic = Microphone(aec=True)
    with Speaker(device="satspk", heard_by=mic):
        with pytest.raises(AlreadyRunning, match="heard_by"):
            Speaker(device="satspk", heard_by=mic).start()
        with pytest.raises(AlreadyRunning, match="pushed"):
            mic.push_aec_reference(bytes(320))
    mic.push_aec_reference(bytes(320))
    with pytest.raises(AlreadyRunning, match="heard_by"):
        Speaker(device="satspk", heard_by=mic).start()


def test_another_speaker_may_take_over_when_the_first_is_closed(cards: VirtualCards) -> None:
    mic = Microphone(aec=True)
    first = Speaker(device="satspk", heard_by=mic)
    for speaker in (first, Speaker(device="satspk", heard_by=mic), first):
        with speaker:
            speaker.write(bytes(640))


def test_pushes_are_checked_and_never_wait() -> None:
    mic = Microphone(aec=True, dtype="float32")
    mic.push_aec_reference(np.zeros(480, np.float32), 48_000)
    mic.push_aec_reference(np.zeros(16_000 * 60, np.float32))
    assert mic.aec_metrics().dropped_ms == pytest.approx(58_000, abs=200)
    for wrong in (np.zeros(480, np.int16), np.zeros((4, 2), np.float32), b"123"):
        with pytest.raises(SamplesUnfit):
            mic.push_aec_reference(wrong)


def test_without_echo_cancellation_nothing_can_be_told_or_pushed() -> None:
    mic = Microphone()
    wishes: list[Callable[[], object]] = [
        mic.aec_metrics,
        lambda: mic.push_aec_reference(b""),
        lambda: Speaker(heard_by=mic),
        lambda: AsyncSpeaker(heard_by=mic),
        Preprocessor().aec_metrics,
    ]
    for wish in wishes:
        with pytest.raises(SettingOutOfRange, match="aec=True"):
            wish()
    with pytest.raises(SettingOutOfRange, match="a Microphone or an AsyncMicrophone"):
        Speaker(heard_by="satmic")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"channels": 2}, ChannelsOutOfRange),
        ({"sample_rate": 7_999}, RateOutOfRange),
        ({"sample_rate": 48_001}, RateOutOfRange),
        ({"aec_tail_ms": 15}, SettingOutOfRange),
        ({"aec_tail_ms": 501}, SettingOutOfRange),
        ({"aec": 1}, SettingOutOfRange),
        ({"aec_suppression": "off"}, SettingOutOfRange),
    ],
)
def test_what_cannot_be_cancelled_is_refused(options: dict[str, object], error: type[ArgumentError]) -> None:
    with pytest.raises(error):
        Microphone(**{"aec": True, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_sound_from_elsewhere_is_freed_of_its_echo_at_any_rate_without_a_device(rate_hz: int) -> None:
    far = voice(SECONDS)
    near = np.rint(Walls(delay_s=0.15).echo(for_speaker(far))[: len(far)]).astype(np.int16)
    prepare = Preprocessor(sample_rate=rate_hz, aec=True)
    left = []
    for at in range(0, len(near), 160):
        prepare.push_aec_reference(far[at : at + 160])
        left.append(prepare.process(near[at : at + 160]))
    left.append(prepare.flush())
    sound = np.concatenate(left) * 32_768
    assert abs(len(sound) - len(near) * rate_hz / RATE_HZ) <= 1
    assert level(sound, 5, 7.5, rate_hz) < level(near, 5, 7.5) - 15
    assert prepare.aec_metrics().delay_ms == pytest.approx(150, abs=25)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 2 * RATE_HZ), max_size=20))
def test_any_cutting_gives_the_same_samples(cuts: list[int]) -> None:
    far = voice(2)
    near = np.rint(Walls(delay_s=0.05).echo(for_speaker(far))[: len(far)]).astype(np.int16)
    results = []
    for at in ([], sorted(cuts)):
        prepare = Preprocessor(aec=True)
        prepare.push_aec_reference(far)
        parts = [prepare.process(part) for part in np.split(near, at)]
        results.append(np.concatenate([*parts, prepare.flush()]))
    assert len(results[0]) == len(near)
    np.testing.assert_array_equal(results[0], results[1])


def test_it_starts_again_with_what_it_knows_of_the_room(cards: VirtualCards) -> None:
    mic = Microphone(device="satmic", aec=True, frames_per_buffer=160)
    for _ in range(2):
        with mic:
            mic.push_aec_reference(voice(0.5))
            wait_until(lambda: mic.aec_metrics().active)
            assert len(mic.read() or b"") == 320
