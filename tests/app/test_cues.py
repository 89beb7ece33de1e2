"""The satellite's own sounds."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from codec.material import MADE, film_without_sound, material, snr_db, source
from fakes_device import FakeSink, wait_until

from satellite.app.cues import LONGEST_S, Cues, mistakes
from satellite.codec.wav import write_wav
from satellite.config import SoundsConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.device.playback import Playback

FORMAT = AudioFormat(8_000, 1, 2)


def test_only_the_sound_at_the_end_of_a_command_is_off() -> None:
    cues = Cues(SoundsConfig())
    assert [field.name for field in fields(SoundsConfig) if cues.get(field.name) is None] == ["done"]


def test_the_awake_sound_can_be_switched_off() -> None:
    assert Cues(SoundsConfig(awake="off")).get("awake") is None


def test_the_awake_sound_lasts_at_most_150_ms() -> None:
    sound = Cues(SoundsConfig()).get("awake")
    assert sound
    assert 0 < len(sound.pcm) / sound.format.second_bytes <= 0.15


def test_an_own_file_takes_the_place_of_a_sound(tmp_path: Path) -> None:
    write_wav(tmp_path / "own.wav", b"\1\0" * 80, FORMAT)
    sound = Cues(SoundsConfig(error=str(tmp_path / "own.wav"))).get("error")
    assert sound
    assert (sound.pcm, sound.format) == (b"\1\0" * 80, FORMAT)


def test_a_song_is_cut(tmp_path: Path) -> None:
    write_wav(tmp_path / "song.wav", bytes(FORMAT.second_bytes * 10), FORMAT)
    sound = Cues(SoundsConfig(error=str(tmp_path / "song.wav"))).get("error")
    assert sound
    assert len(sound.pcm) == LONGEST_S * FORMAT.second_bytes


def test_a_file_that_vanished_is_replaced_by_the_default(tmp_path: Path) -> None:
    assert Cues(SoundsConfig(error=str(tmp_path / "gone.wav"))).get("error") == Cues(SoundsConfig()).get("error")


@pytest.mark.parametrize("name", ["mp3", "aac", "flac", "opus", "vorbis", "webm", "mp4"])
def test_an_own_file_may_be_of_any_format(name: str, tmp_path: Path) -> None:
    made, wanted = MADE[name], source(name)
    (tmp_path / "own").write_bytes(material(name))
    config = SoundsConfig(done=str(tmp_path / "own"))
    assert mistakes(config) == []
    sound = Cues(config).get("done")
    assert sound
    assert sound.format == AudioFormat(made.rate_hz, made.channels, 2)
    heard = np.frombuffer(sound.pcm, "<i2").reshape(-1, made.channels)[made.lead :]
    assert snr_db(heard[: len(wanted)], wanted) >= made.snr_db


def test_a_song_of_any_format_is_cut(tmp_path: Path) -> None:
    (tmp_path / "song.flac").write_bytes(material("flac", 10.0))
    sound = Cues(SoundsConfig(error=str(tmp_path / "song.flac"))).get("error")
    assert sound
    assert len(sound.pcm) == LONGEST_S * sound.format.second_bytes


@pytest.mark.parametrize("data", [b"", b"a letter, not a sound", material("mp3")[:100], film_without_sound()])
def test_what_is_no_sound_is_told_with_its_key_and_its_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "own.mp3"
    path.write_bytes(data)
    config = SoundsConfig(done=str(path))
    ((_, line),) = mistakes(config)
    assert line.startswith(f"sounds.done: {path}: ")
    assert Cues(config).get("done") == Cues(SoundsConfig(done="default")).get("done")


def test_an_alarm_gives_way_to_speech_and_its_volume_is_not_that_of_the_other_sounds(tmp_path: Path) -> None:
    card = AudioFormat(48_000, 1, 2)
    for name in ("timer", "error"):
        write_wav(tmp_path / f"{name}.wav", np.full(4_800, 10_000, "<i2").tobytes(), card)
    cues = Cues(SoundsConfig(timer=str(tmp_path / "timer.wav"), error=str(tmp_path / "error.wav")), 50)
    levels = set()
    for attentive in (False, True):
        for name in ("timer", "error", "done"):
            levels.add((name, attentive, heard_level(cues, name, attentive)))
    assert levels == {
        ("timer", False, 10_000),
        ("timer", True, 1_000),
        ("error", False, 2_500),
        ("error", True, 2_500),
        ("done", False, 0),
        ("done", True, 0),
    }


def heard_level(cues: Cues, name: str, attentive: bool) -> int:
    sink = FakeSink(AudioFormat(48_000, 1, 2))
    playback = Playback(lambda: sink, SpeakerConfig(idle_s=0), lambda _event: None)
    playback.attend(attentive)
    playback.start()
    wait_until(lambda: playback.statistics().state == "resting")
    cues.play(name, playback)
    wait_until(lambda: not playback.playing)
    playback.stop()
    return int(sink.heard().max(initial=0))
