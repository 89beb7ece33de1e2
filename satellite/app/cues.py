"""The satellite's own sounds: made here, or the owner's files."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import asdict, dataclass

from satellite.codec.file import decode_file
from satellite.config import SoundsConfig
from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError
from satellite.core.places import expanded
from satellite.device.playback import Playback
from satellite.device.priority import Priority
from satellite.dsp.cues import CUE_RATE_HZ, make_cue

log = logging.getLogger(__name__)

OFF = "off"
DEFAULT = "default"
ALARM = "timer"
# A cue is mixed over the answer; a longer one is not a cue but a song.
LONGEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound ready to be played."""

    pcm: bytes
    format: AudioFormat


class Cues:
    """The sounds by their name in the configuration; None where the owner switched one off.

    Args:
        config: which they are.
        volume_percent: of all but the alarm, beside the master's.
    """

    def __init__(self, config: SoundsConfig, volume_percent: int = 100) -> None:
        self._volume_percent = volume_percent
        self._sounds = {name: _load(name, choice) for name, choice in asdict(config).items()}

    def get(self, name: str) -> Sound | None:
        """The sound of that name."""
        return self._sounds[name]

    def play(self, name: str, playback: Playback) -> None:
        """Let it be heard beside what plays; an alarm gives way to speech."""
        sound = self.get(name)
        if sound and name == ALARM:
            playback.cue(name, sound.pcm, sound.format, Priority.ALARM)
        elif sound:
            playback.cue(name, sound.pcm, sound.format, Priority.CUE, self._volume_percent)


def mistakes(config: SoundsConfig) -> list[tuple[str, str]]:
    """What is wrong with the owner's files: the key, and a line."""
    found = []
    for name, choice in asdict(config).items():
        if choice not in (OFF, DEFAULT):
            try:
                _read(choice)
            except (OSError, AudioFormatError) as error:
                found.append((f"sounds.{name}", f"sounds.{name}: {choice}: {_reason(error)}"))
    return found


def _load(name: str, choice: str) -> Sound | None:
    if choice == OFF:
        return None
    if choice != DEFAULT:
        try:
            return _read(choice)
        except (OSError, AudioFormatError) as error:
            log.warning("sounds.%s: %s: %s; the default sound is used", name, choice, _reason(error))
    return Sound(make_cue(name).tobytes(), AudioFormat(CUE_RATE_HZ, 1, 2))


def _read(path: str) -> Sound:
    """The beginning of a file of any format, as much of it as a cue may have."""
    pcm, form = bytearray(), None
    with closing(decode_file(expanded(path))) as frames:
        for frame in frames:
            form = AudioFormat(frame.sample_rate, frame.num_channels, 2)
            pcm += frame.data
            if len(pcm) >= LONGEST_S * form.second_bytes:
                break
    if form is None:
        raise AudioFormatError("there is no sound in it")
    return Sound(bytes(pcm[: int(LONGEST_S * form.rate_hz) * form.frame_bytes]), form)


def _reason(error: OSError | AudioFormatError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
