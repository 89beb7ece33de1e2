"""Playing while recording, with devices that are small programs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import numpy as np
import pytest
from fakes_device import FakeSink, FakeSource

from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceError, DeviceLost, DeviceNotFound
from satellite.diagnostics.duplex import Recorder, play
from satellite.diagnostics.recording import Stream, live_batches

MONO = AudioFormat(16_000, 1, 2)
SOUND = (np.arange(4_000) % 7_919 + 1).astype("<i2")


@contextmanager
def stream(source: FakeSource, live: bool = True) -> Iterator[Stream]:
    with closing(source):
        yield Stream(source.format, source.description, "", live, live_batches(source))


def test_everything_is_recorded_and_dated() -> None:
    source = FakeSource(MONO)
    before_s = time.monotonic()
    for block in np.array_split(SOUND, 10):
        source.put(block.tobytes())
    recorder = Recorder(lambda: stream(source), -1)
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
    recorder = Recorder(lambda: stream(source), 1)
    recorder.start()
    assert abs(len(recorder.finish().samples) - len(SOUND) / 3) <= 1


def test_a_microphone_that_does_not_open_or_goes_is_told() -> None:
    def missing() -> AbstractContextManager[Stream]:
        raise DeviceNotFound("there is none")

    with pytest.raises(DeviceNotFound):
        Recorder(missing, -1).start()
    source = FakeSource(MONO)
    source.put(SOUND.tobytes())
    recorder = Recorder(lambda: stream(source), -1)
    recorder.start()
    source.fail(DeviceLost("unplugged"))
    recorder.wait(10)
    with pytest.raises(DeviceLost, match="unplugged"):
        recorder.finish()


def test_a_recording_hears_no_speaker() -> None:
    with pytest.raises(DeviceError, match="is a recording"):
        Recorder(lambda: stream(FakeSource(MONO), live=False), -1).start()


def test_of_a_channel_that_is_not_there_the_mean_of_all_is_taken() -> None:
    source = FakeSource(AudioFormat(16_000, 2, 2))
    source.put(np.column_stack([SOUND, 0 * SOUND]).tobytes())
    recorder = Recorder(lambda: stream(source), 3)
    recorder.start()
    np.testing.assert_allclose(recorder.finish().samples, SOUND / 2, atol=1)


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
