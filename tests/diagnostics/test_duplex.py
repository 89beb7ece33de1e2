"""Playing while recording, with devices that are small programs."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from fakes_device import FakeSink, FakeSource

from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError, DeviceLost, DeviceNotFound
from satellite.core.ports import Source
from satellite.diagnostics.duplex import Recorder, play

MONO = AudioFormat(16_000, 1, 2)
SOUND = (np.arange(4_000) % 7_919 + 1).astype("<i2")


def test_everything_is_recorded_and_dated() -> None:
    source = FakeSource(MONO)
    before_s = time.monotonic()
    for block in np.array_split(SOUND, 10):
        source.put(block.tobytes())
    recorder = Recorder(lambda: source, -1)
    recorder.start()
    recorder.wait(0.1)
    recording = recorder.finish()
    np.testing.assert_array_equal(recording.samples, SOUND)
    assert before_s <= recording.began_s + len(SOUND) / MONO.rate_hz <= time.monotonic()
    assert recording.overruns == 0
    assert source.closed_in


def test_two_channels_at_another_rate_become_one() -> None:
    source = FakeSource(AudioFormat(48_000, 2, 2))
    source.put(np.repeat(SOUND, 2).tobytes())
    recorder = Recorder(lambda: source, 1)
    recorder.start()
    assert abs(len(recorder.finish().samples) - len(SOUND) / 3) <= 1


def test_a_microphone_that_does_not_open_or_goes_is_told() -> None:
    def missing() -> Source:
        raise DeviceNotFound("there is none")

    with pytest.raises(DeviceNotFound):
        Recorder(missing, -1).start()
    source = FakeSource(MONO)
    source.put(SOUND.tobytes())
    recorder = Recorder(lambda: source, -1)
    recorder.start()
    source.fail(DeviceLost("unplugged"))
    recorder.wait(10)
    with pytest.raises(DeviceLost, match="unplugged"):
        recorder.finish()


def test_a_file_that_ends_and_a_channel_that_is_not_there_are_told() -> None:
    source = FakeSource(MONO)
    source.fail(EOFError())
    with pytest.raises(DeviceLost, match="is over"):
        Recorder(lambda: source, -1).start()
    with pytest.raises(AudioFormatError):
        Recorder(lambda: FakeSource(MONO), 3).start()


def test_a_sound_is_played_whole_and_dated_by_the_speakers_own_account() -> None:
    sink = FakeSink(AudioFormat(48_000, 1, 2), buffer_ms=100)
    sound = np.tile(SOUND, 6)
    before_s = time.monotonic()
    playing = play(sink, sound.tobytes(), lambda: None)
    np.testing.assert_array_equal(sink.heard()[: len(sound), 0], sound)
    assert before_s <= playing.written_s <= playing.dated_s <= time.monotonic()
    assert playing.dated_s + len(sound) / 48_000 <= time.monotonic() + 0.02


def test_a_speaker_that_hangs_is_told() -> None:
    sink = FakeSink(MONO)
    sink.hang()
    hung = threading.Event()
    player = threading.Thread(target=play, args=(sink, SOUND.tobytes(), hung.set, 0.05))
    player.start()
    assert hung.wait(10)
    sink.go()
    player.join()
