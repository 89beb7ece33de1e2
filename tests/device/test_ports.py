"""What every microphone and every speaker must do, whatever it is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes_device import FakeSink, FakeSource, wait_until
from programs import LISTEN, SPEAK, command
from satcard.satcard import VirtualCards

from satellite.codec.wav import read_wav, write_wav
from satellite.config import MicrophoneConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceLost
from satellite.core.ports import Sink, Source
from satellite.device.opening import open_sink, open_source
from satellite.device.wav import WavSource

MONO_16K = AudioFormat(16_000, 1, 2)
MONO_48K = AudioFormat(48_000, 1, 2)
SPEECH = (np.arange(8_000) % 7_919 + 1).astype(np.int16)
MIC = MicrophoneConfig()
SPEAKER = SpeakerConfig()
# Cards that a test which shares the machine keeps up with.
SLOW = 0.25


@pytest.fixture(params=["fake", "command", "wav", "wav as fast as possible", "alsa"])
def source(request: pytest.FixtureRequest, tmp_path: Path, cards: VirtualCards) -> Source:
    """An open microphone that hears SPEECH, once."""
    file = tmp_path / "speech.wav"
    write_wav(file, SPEECH.tobytes(), MONO_16K)
    match request.param:
        case "fake":
            fake = FakeSource(MONO_16K)
            for start in range(0, len(SPEECH), 256):
                fake.put(SPEECH[start : start + 256].tobytes())
            return fake
        case "command":
            raw = tmp_path / "speech.raw"
            raw.write_bytes(SPEECH.tobytes())
            return open_source(replace(MIC, device=f"command:{command(SPEAK, raw)}"))
        case "wav":
            return open_source(replace(MIC, device=f"wav:{file}"))
        case "wav as fast as possible":
            return WavSource(file, paced=False)
        case _:
            cards.say(SPEECH)
            return open_source(replace(MIC, device="satmic", buffer_ms=5000.0))


@contextmanager
def _fake(tmp_path: Path, cards: VirtualCards) -> Iterator[tuple[Sink, Callable[[], np.ndarray]]]:
    sink = FakeSink(MONO_48K, SLOW)
    yield sink, lambda: sink.heard()[:, 0]


@contextmanager
def _command(tmp_path: Path, cards: VirtualCards) -> Iterator[tuple[Sink, Callable[[], np.ndarray]]]:
    file = tmp_path / "heard.raw"
    sink = open_sink(replace(SPEAKER, device=f"command:{command(LISTEN, file)}"))
    assert sink
    # On a busy machine Python takes longer to start than a speaker program may refuse sound.
    wait_until(file.exists)
    yield sink, lambda: np.frombuffer(file.read_bytes() if file.exists() else b"", "<i2")


@contextmanager
def _wav(tmp_path: Path, cards: VirtualCards) -> Iterator[tuple[Sink, Callable[[], np.ndarray]]]:
    file = tmp_path / "heard.wav"
    sink = open_sink(replace(SPEAKER, device=f"wav:{file}"))
    assert sink

    def heard() -> np.ndarray:
        return np.frombuffer(read_wav(file)[1], "<i2")

    yield sink, heard


@contextmanager
def _alsa(tmp_path: Path, cards: VirtualCards) -> Iterator[tuple[Sink, Callable[[], np.ndarray]]]:
    cards.speed("speaker", SLOW)
    sink = open_sink(replace(SPEAKER, device="satspk"))
    assert sink
    yield sink, cards.heard


@pytest.fixture(params=[_fake, _command, _wav, _alsa], ids=["fake", "command", "wav", "alsa"])
def speaker(
    request: pytest.FixtureRequest, tmp_path: Path, cards: VirtualCards
) -> Iterator[tuple[Sink, Callable[[], np.ndarray]]]:
    """An open speaker, and what was heard from it."""
    with request.param(tmp_path, cards) as (sink, heard), closing(sink):
        yield sink, heard


def test_a_microphone_gives_every_sample_once_and_in_order(source: Source) -> None:
    pcm = bytearray()

    def is_complete() -> bool:
        captured = source.read()
        assert not captured.overrun
        assert len(captured.pcm) % source.format.frame_bytes == 0
        pcm.extend(captured.pcm)
        return len(pcm) >= 2 * len(SPEECH)

    with closing(source):
        assert source.format == MONO_16K
        wait_until(is_complete)
    samples = np.frombuffer(bytes(pcm), "<i2")
    np.testing.assert_array_equal(samples[samples != 0][: len(SPEECH)], SPEECH)


def test_a_microphone_describes_itself_in_one_line(source: Source) -> None:
    with closing(source):
        assert 0 < source.period_s <= min(0.1, source.buffer_s / 2)
        assert source.description
        assert "\n" not in source.description


def test_a_closed_microphone_is_lost_and_closing_twice_is_harmless(source: Source) -> None:
    source.close()
    source.close()
    with pytest.raises(DeviceLost):
        source.read()


SOUND = (np.arange(9_600) % 7_919 + 1).astype(np.int16)


def play(sink: Sink, sound: np.ndarray) -> None:
    for start in range(0, len(sound), sink.period_frames):
        sink.write(sound[start : start + sink.period_frames].tobytes())


def test_a_speaker_plays_every_sample_and_knows_when_all_was_heard(speaker: tuple[Sink, Callable]) -> None:
    sink, heard = speaker
    assert sink.format == MONO_48K
    play(sink, SOUND)
    wait_until(lambda: sink.queued_frames() == 0)
    wait_until(lambda: len(heard()) >= len(SOUND))
    np.testing.assert_array_equal(heard()[: len(SOUND)], SOUND)


def test_a_speaker_takes_sound_no_faster_than_it_plays(speaker: tuple[Sink, Callable]) -> None:
    sink, _ = speaker
    began_s = time.monotonic()
    play(sink, np.tile(SOUND, 2))
    # 0.4 s of sound; up to 0.1 s may be in the card's buffer.
    assert time.monotonic() - began_s > 0.25
    assert sink.queued_frames() <= 0.11 * 48_000


def test_a_dropped_sound_stops_and_the_next_one_plays(speaker: tuple[Sink, Callable]) -> None:
    sink, heard = speaker
    play(sink, SOUND)
    sink.drop()
    assert sink.queued_frames() == 0
    length = len(heard())
    assert length < len(SOUND)
    play(sink, -SOUND)
    wait_until(lambda: sink.queued_frames() == 0)
    wait_until(lambda: len(heard()) >= length + len(SOUND))
    np.testing.assert_array_equal(heard()[length : length + len(SOUND)], -SOUND)


def test_a_drained_speaker_has_played_all_and_plays_again(speaker: tuple[Sink, Callable]) -> None:
    sink, heard = speaker
    play(sink, SOUND)
    sink.drain()
    assert sink.queued_frames() == 0
    wait_until(lambda: len(heard()) >= len(SOUND))
    underruns = sink.underruns
    sink.write((-SOUND[: sink.period_frames]).tobytes())
    assert sink.underruns == underruns, "it stood still because it was told to"
    sink.drain()
    wait_until(lambda: len(heard()) >= len(SOUND) + sink.period_frames)


def test_a_speaker_closes_at_once_and_twice_is_harmless(speaker: tuple[Sink, Callable]) -> None:
    sink, _ = speaker
    play(sink, SOUND)
    began_s = time.monotonic()
    sink.close()
    sink.close()
    assert time.monotonic() - began_s < 10.0
    with pytest.raises(DeviceLost):
        sink.write(SOUND.tobytes())
