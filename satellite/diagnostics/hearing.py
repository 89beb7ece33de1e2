"""Where a microphone test gets its sound: a card, the running satellite, or a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from satellite.app import build
from satellite.config import Config, MicrophoneConfig
from satellite.control.client import request
from satellite.control.listening import listen_in
from satellite.core.errors import ControlError, DeviceError
from satellite.core.places import find_control_path
from satellite.core.ports import Source
from satellite.device.opening import open_source
from satellite.device.wav import WavSource
from satellite.diagnostics.recording import Stream, file_batches, live_batches

# ALSA's converters have as many channels as one likes; a card with more than this is no microphone.
_MOST_CHANNELS = 8
# The satellite keeps the line a little longer than the test needs: it begins when the first sound comes.
_MARGIN_S = 5.0
_NOT_ALSA = ("command:", "wav:")


@dataclass(frozen=True, slots=True)
class Daemon:
    """The running satellite: its socket, its microphone, the thresholds in force."""

    path: Path
    device: str
    thresholds: dict[str, float]


def find_daemon(config: Config) -> Daemon | None:
    """The satellite that runs and may be asked; None when there is none."""
    try:
        path = find_control_path(config.paths.control)
        match request(path, "status"):
            case {"microphone": {"device": str(device)}, "settings": {"threshold": dict(thresholds)}}:
                return Daemon(path, device, thresholds)
    except ControlError:
        pass
    return None


def in_force(config: Config, daemon: Daemon) -> Config:
    """The configuration with the thresholds that were set at run time."""
    given = daemon.thresholds
    words = (replace(word, threshold=given.get(build.model_name(word), word.threshold)) for word in config.wake_word)
    return replace(config, wake_word=tuple(words))


@contextmanager
def listened(daemon: Daemon, seconds: float) -> Iterator[Stream]:
    """The running satellite's microphone, as the card gives it.

    Raises:
        ControlError: it cannot be listened to.
    """
    with listen_in(daemon.path, seconds + _MARGIN_S) as listening:
        description = f"{listening.description}, through the running satellite"
        yield Stream(listening.format, description, place(daemon.device), True, listening.batches)


def opened(config: MicrophoneConfig) -> AbstractContextManager[Stream]:
    """A microphone with all channels that it has.

    Raises:
        DeviceError: it cannot be opened.
    """
    return _closing(open_source(with_all_channels(config)), config.device)


@contextmanager
def _closing(source: Source, device: str) -> Iterator[Stream]:
    with closing(source):
        live = not isinstance(source, WavSource)
        batches = live_batches(source) if live else file_batches(source)
        yield Stream(source.format, source.description, place(device), live, batches)


@contextmanager
def recorded(path: Path) -> Iterator[Stream]:
    """A WAV file, faster than it was recorded.

    Raises:
        DeviceError: it is missing, or not understood.
    """
    with closing(WavSource(path, paced=False)) as source:
        where = "the microphone that recorded this"
        yield Stream(source.format, source.description, where, False, file_batches(source))


def with_all_channels(config: MicrophoneConfig) -> MicrophoneConfig:
    """The microphone's settings with as many channels as the card behind it has, where that can be known."""
    if config.device.startswith(_NOT_ALSA):
        return config
    from satellite.device.alsa import probe
    from satellite.device.listing import resolve

    pcm = resolve(config.device, "capture")
    try:
        # A converter would make two channels out of one: the card itself is asked.
        can = probe(pcm.removeprefix("plug") if pcm.startswith("plughw:") else pcm, "capture")
        if can.card is not None and max(can.channels) > _MOST_CHANNELS:
            can = probe(f"hw:{can.card}", "capture")
    except DeviceError:
        return config  # where it is opened it is told what is wrong
    count = max(can.channels)
    return replace(config, channels=count) if count <= _MOST_CHANNELS else config


def place(device: str) -> str:
    """Whose volume is to be changed, for a person."""
    card = re.search(r"CARD=([^,]+)", device)
    if card:
        return f"card {card[1]}"
    if device.startswith(_NOT_ALSA):
        return "the microphone"
    return "the default microphone" if device == "default" else f"microphone {device}"
