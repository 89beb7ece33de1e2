"""From a configured device to an open one."""

from __future__ import annotations

from pathlib import Path

from satellite.config import MicrophoneConfig, SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.core.places import expanded
from satellite.core.ports import Sink, Source

NONE = "none"
_COMMAND = "command:"
_WAV = "wav:"


def open_source(config: MicrophoneConfig) -> Source:
    """The microphone that the configuration names, open. An ALSA name is resolved anew each time.

    Raises:
        DeviceError: it cannot be opened; the text says why and what to do.
    """
    if config.device.startswith(_COMMAND):
        from satellite.device.command import CommandSource

        return CommandSource(config.device.removeprefix(_COMMAND), config)
    if config.device.startswith(_WAV):
        from satellite.device.wav import WavSource

        return WavSource(_path(config.device))
    from satellite.device.alsa import AlsaSource
    from satellite.device.listing import resolve

    return AlsaSource(resolve(config.device, "capture"), config)


def open_sink(config: SpeakerConfig) -> Sink | None:
    """The speaker that the configuration names, open; None for "none".

    Raises:
        DeviceError: as open_source.
    """
    if config.device == NONE:
        return None
    if config.device.startswith(_COMMAND):
        from satellite.device.command import CommandSink

        return CommandSink(config.device.removeprefix(_COMMAND), config)
    if config.device.startswith(_WAV):
        from satellite.device.wav import WavSink

        return WavSink(_path(config.device), AudioFormat(config.rate_hz, config.channels, 2))
    from satellite.device.alsa import AlsaSink
    from satellite.device.listing import resolve

    return AlsaSink(resolve(config.device, "playback"), config)


def _path(device: str) -> Path:
    return expanded(device.removeprefix(_WAV))
