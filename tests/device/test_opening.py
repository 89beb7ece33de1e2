"""From a configured name to an open device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from satcard.satcard import VirtualCards

from satellite.codec.wav import write_wav
from satellite.config import MicrophoneConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import DeviceNotFound
from satellite.device.alsa import AlsaSink, AlsaSource
from satellite.device.command import CommandSink, CommandSource
from satellite.device.opening import open_sink, open_source
from satellite.device.wav import WavSink, WavSource

MIC = MicrophoneConfig()
SPEAKER = SpeakerConfig()


def test_a_prefix_chooses_the_kind_of_device(cards: VirtualCards, tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", bytes(100), AudioFormat(16_000, 1, 2))
    for device, kind in (
        ("default", AlsaSource),
        ("satmic", AlsaSource),
        ("command:sleep 60", CommandSource),
        (f"wav:{tmp_path}/in.wav", WavSource),
    ):
        source = open_source(replace(MIC, device=device))
        assert type(source) is kind
        source.close()
    for device, kind in (
        ("default", AlsaSink),
        ("satspk", AlsaSink),
        ("command:sleep 60", CommandSink),
        (f"wav:{tmp_path}/out.wav", WavSink),
    ):
        sink = open_sink(replace(SPEAKER, device=device))
        assert type(sink) is kind
        sink.close()


def test_a_file_is_found_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_wav(tmp_path / "in.wav", bytes(100), AudioFormat(16_000, 1, 2))
    open_source(replace(MIC, device="wav:~/in.wav")).close()


def test_no_speaker_is_no_sink() -> None:
    assert open_sink(replace(SPEAKER, device="none")) is None


def test_no_microphone_is_not_possible(cards: VirtualCards) -> None:
    with pytest.raises(DeviceNotFound):
        open_source(replace(MIC, device="none"))


def test_the_speakers_configured_rate_and_channels_are_the_files(tmp_path: Path) -> None:
    sink = open_sink(replace(SPEAKER, device=f"wav:{tmp_path}/out.wav", rate_hz=16_000, channels=2))
    assert sink
    assert sink.format == AudioFormat(16_000, 2, 2)
    sink.close()
