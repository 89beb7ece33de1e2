"""Utterances from a microphone or a recording: nothing lost, everything bounded, stops join."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes_device import wait_until
from programs import SPEAK, command
from satcard.satcard import VirtualCards
from signals import noise
from speech import clip, model

from satellite.core.audio import RATE_HZ, Int16
from satellite.core.errors import ArgumentError, DeviceDenied, DeviceLost, ModelNotFound, NotRunning, ReadTimedOut
from satellite.detect.small_vad import missing
from satellite.library.async_microphone import AsyncMicrophone
from satellite.library.cutting import Ending, Utterance
from satellite.library.file import File
from satellite.library.microphone import Microphone
from satellite.library.options import VadMode
from satellite.library.utterances import Utterances, utterances

LOUD, QUIET = np.full(8_000, 3_277, np.int16), np.full(16_000, 1, np.int16)
BURST = np.concatenate([QUIET, LOUD, QUIET])


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Whatever a test starts, ends."""
    yield
    wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("satellite-")])


def spoken() -> Int16:
    gap = noise(1, -70)
    return np.concatenate([gap, clip("kitchen_light"), gap, clip("stop"), gap, clip("timer"), gap])


def seconds(found: list[Utterance]) -> list[float]:
    return [each.end_s - each.start_s for each in found]


SMALL = pytest.param("webrtc", marks=pytest.mark.skipif(bool(missing()), reason=missing()))


@pytest.mark.parametrize("vad", ["silero", SMALL])
def test_every_sentence_of_a_recording_is_one_utterance_with_all_of_its_sound(vad: VadMode) -> None:
    model("silero_vad")
    sound = spoken()
    found = list(utterances(File.buffer(sound, RATE_HZ, as_ndarray=True), vad=vad))
    assert len(found) == 3
    at = RATE_HZ
    for each, name in zip(found, ["kitchen_light", "stop", "timer"], strict=True):
        assert each.start_s * RATE_HZ <= at
        assert each.end_s * RATE_HZ >= at + len(clip(name))
        assert np.array_equal(each.data, sound[round(each.start_s * RATE_HZ) : round(each.end_s * RATE_HZ)])
        at += len(clip(name)) + RATE_HZ


def test_a_microphone_is_opened_and_closed_by_it(cards: VirtualCards) -> None:
    model("silero_vad")
    cards.say(np.concatenate([clip("stop"), np.zeros(32_000, np.int16)]))
    mic = Microphone()
    with utterances(mic) as found:
        first = found.read(timeout_ms=20_000)
        assert mic.is_open
    assert not mic.is_open
    assert first
    assert first.ending is Ending.SILENCE
    assert len(bytes(first.data)) / 2 >= len(clip("stop"))


def test_a_microphone_that_was_open_stays_open(cards: VirtualCards) -> None:
    with Microphone() as mic:
        with utterances(mic, vad="energy"):
            pass
        assert mic.read()


def test_leaving_a_loop_stops_everything(cards: VirtualCards) -> None:
    cards.say(BURST)
    mic = Microphone()
    for utterance in utterances(mic, vad="energy"):
        assert utterance.ending is Ending.SILENCE
        break
    wait_until(lambda: not mic.is_open)


def test_a_stop_gives_out_what_was_just_being_said_and_joins(cards: VirtualCards) -> None:
    cards.be_patient()
    cards.say(np.concatenate([QUIET[:4_000], *[LOUD] * 40]))
    with Microphone() as mic:
        found = utterances(mic, vad="energy")
        found.start()
        found.start()
        wait_until(lambda: mic.statistics().chunks - mic.statistics().waiting_chunks >= 10)
        came = mic.statistics().chunks
        found.stop()
        found.stop()
        last = found.read()
        assert last
        assert last.ending is Ending.STREAM
        assert last.start_s < 0.3
        # All that had come, whether it had been judged by then or not.
        assert last.end_s >= came * 0.1 - 1e-6
        assert found.read() is None


def test_a_slow_loop_loses_no_sound_and_too_many_utterances_are_counted(tmp_path: Path) -> None:
    raw = tmp_path / "said.raw"
    raw.write_bytes(np.tile(np.concatenate([LOUD[:4_000], QUIET[:8_000]]), 6).tobytes())
    mic = Microphone(device=f"command:{command(SPEAK, raw)}")
    with utterances(mic, vad="energy", end_silence_ms=100, queue_utterances=2) as found:
        wait_until(lambda: found.statistics().found == 6)
        counts = found.statistics()
        assert (counts.waiting, counts.dropped) == (2, 4)
        waiting = [found.read(), found.read()]
        assert [each.start_s for each in waiting if each] == pytest.approx([2.7, 3.45], abs=0.05)
    assert mic.statistics().dropped_chunks == 0


def test_of_a_recording_nothing_is_dropped() -> None:
    file = File.buffer(np.tile(np.concatenate([LOUD[:4_000], QUIET[:8_000]]), 20), RATE_HZ)
    found = utterances(file, vad="energy", end_silence_ms=100, queue_utterances=1)
    assert len(list(found)) == 20
    assert found.statistics().dropped == 0


def test_what_a_callback_returns_is_given_on_except_none() -> None:
    file = File.buffer(np.concatenate([BURST, BURST, BURST]), RATE_HZ, as_ndarray=True)
    numbers = iter([1, None, 3])
    assert list(utterances(file, lambda utterance: next(numbers), vad="energy")) == [1, 3]


def test_without_a_callback_the_utterances_themselves_come() -> None:
    found = utterances(File.buffer(BURST, RATE_HZ), None, vad="energy")
    assert isinstance(found, Utterances)
    assert [type(each) for each in found] == [Utterance]


def test_tasks_can_wait_for_them(cards: VirtualCards) -> None:
    async def main() -> list[float]:
        cards.say(np.concatenate([BURST, BURST]))
        found = []
        async with utterances(AsyncMicrophone(), vad="energy") as heard:
            async for utterance in heard:
                found.append(utterance)
                if len(found) == 2:
                    break
        return seconds(found)

    assert asyncio.run(main()) == pytest.approx([0.3 + 0.5 + 0.3] * 2, abs=0.15)


def test_a_task_may_be_cancelled_and_another_goes_on() -> None:
    async def main() -> list[float]:
        async with utterances(File.buffer(np.tile(BURST, 3), RATE_HZ), vad="energy", queue_utterances=1) as heard:
            reading = asyncio.create_task(heard.aread())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            return seconds([each async for each in heard])

    assert len(asyncio.run(main())) in (2, 3)


def test_a_read_times_out_and_listening_goes_on(cards: VirtualCards) -> None:
    with utterances(Microphone(), vad="energy") as found:
        with pytest.raises(ReadTimedOut):
            found.read(timeout_ms=1)
        cards.say(BURST)
        assert found.read(timeout_ms=20_000)


def test_what_fails_is_told_to_the_reader(cards: VirtualCards, tmp_path: Path) -> None:
    cards.openerr("mic", 13)
    with pytest.raises(DeviceDenied, match="usermod"):
        next(iter(utterances(Microphone(device="satmic"), vad="energy")))
    with pytest.raises(ModelNotFound):
        list(utterances(File.buffer(BURST, RATE_HZ), model_path="nowhere.onnx"))
    with pytest.raises(FileNotFoundError):
        list(utterances(File(tmp_path / "nothing.wav"), vad="energy"))
    with pytest.raises(NotRunning):
        utterances(Microphone()).read()


def test_what_was_said_before_a_loss_is_read_before_its_error(cards: VirtualCards) -> None:
    cards.say(np.concatenate([LOUD] * 40))
    mic = Microphone(device="satmic")
    with utterances(mic, vad="energy") as found:
        wait_until(lambda: mic.statistics().chunks >= 8)
        cards.unplug("mic")
        last = found.read(timeout_ms=20_000)
        assert last
        assert last.ending is Ending.STREAM
        with pytest.raises(DeviceLost):
            found.read(timeout_ms=20_000)


def test_ctrl_c_while_it_waits_is_a_clean_end(cards: VirtualCards) -> None:
    cards.say(np.concatenate([LOUD] * 30))
    mic = Microphone()
    main = threading.main_thread().ident
    assert main

    def interrupt() -> None:
        wait_until(lambda: mic.statistics().chunks >= 8)
        signal.pthread_kill(main, signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    found = list(utterances(mic, vad="energy"))
    interrupting.join()
    assert [each.ending for each in found] == [Ending.STREAM]
    assert not mic.is_open


def test_what_is_no_source_of_sound_is_refused_at_once() -> None:
    with pytest.raises(ArgumentError, match="a Microphone, an AsyncMicrophone or a File"):
        utterances("said.wav")  # type: ignore[call-overload]
