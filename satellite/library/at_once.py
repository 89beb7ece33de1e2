"""What microphones and speakers tell and take at once, the same for threads and tasks."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from satellite.core.audio import AudioFormat
from satellite.core.errors import SettingOutOfRange
from satellite.library import versions
from satellite.library.incoming import Incoming, MicrophoneStatistics
from satellite.library.options import Samples, SampleType
from satellite.library.outgoing import Outgoing, SpeakerStatistics
from satellite.library.samples import taken
from satellite.library.settings import InputSettings, OutputSettings
from satellite.library.track import Track

if TYPE_CHECKING:
    from satellite.dsp.echo import EchoStatistics


class MicrophoneAtOnce:
    """The part of a microphone that never waits."""

    def __init__(self, settings: InputSettings) -> None:
        self.incoming = Incoming(settings)
        """What it shares with its twin, and gives to utterances()."""

    @property
    def settings(self) -> InputSettings:
        """What was asked for."""
        return self.incoming.settings

    @property
    def is_open(self) -> bool:
        """It runs: not stopped, not at an end, not failed, nor closed by the device."""
        return self.incoming.is_open

    @property
    def is_speaking(self) -> bool:
        """Somebody speaks, as far as was read: the score is at the threshold, or was within the hold-off before now.

        False without vad.
        """
        return self.incoming.is_speaking

    @property
    def vad_score(self) -> float:
        """How much the last chunk read is like speech, 0 to 1: for thresholds of your own. 0.0 without vad."""
        return self.incoming.vad_score

    def push_aec_reference(self, samples: Samples, sample_rate: int | None = None) -> None:
        """Tell what another program plays just now, for the echo canceller. Never waits.

        What is pushed counts as played one after the other, the first now; while nothing is, silence is. Up to 2 s may
        lie ahead; what is beyond is dropped, counted, and silence. A Speaker does all this by itself: `heard_by`.

        Args:
            samples: one channel, of the microphone's dtype, as Speaker.write() takes them.
            sample_rate: of the samples; None: the microphone's.

        Raises:
            SettingOutOfRange: the microphone cancels no echo.
            AlreadyRunning: a speaker is open that tells it what it plays.
            SamplesUnfit: they are of another type or shape.
            AudioFormatError: there is no such rate.
        """
        settings = self.settings
        pcm = taken(samples, settings.dtype, 1)
        self.incoming.echo.push(pcm, AudioFormat(sample_rate or settings.sample_rate, 1, 2))

    def aec_metrics(self) -> EchoStatistics:
        """How well the echo is cancelled, how late it is, and what was lost.

        Raises:
            SettingOutOfRange: the microphone cancels no echo.
        """
        return self.incoming.echo.statistics()

    def statistics(self) -> MicrophoneStatistics:
        """What came, waits, and was lost since the start."""
        return self.incoming.statistics()

    @staticmethod
    def version() -> versions.VersionInfo:
        """The versions at work; as the function of this name."""
        return versions.version()

    def __repr__(self) -> str:
        always = ("sample_rate", "channels", "frames_per_buffer", "dtype", "device", "vad")
        given = [(each.name, getattr(self.settings, each.name), each.default) for each in fields(self.settings)]
        words = [f"{name}={value!r}" for name, value, default in given if name in always or value != default]
        return f"{type(self).__name__}({', '.join(words)}, {'open' if self.is_open else 'closed'})"


class SpeakerAtOnce:
    """The part of a speaker that never waits."""

    def __init__(self, settings: OutputSettings, heard_by: MicrophoneAtOnce | None = None) -> None:
        if heard_by is not None and not isinstance(heard_by, MicrophoneAtOnce):
            raise SettingOutOfRange(f"heard_by={heard_by!r}: a Microphone or an AsyncMicrophone is wanted")
        self._outgoing = Outgoing(settings, heard_by.incoming.echo if heard_by is not None else None)
        self._main = Track(self._outgoing, settings)

    @property
    def settings(self) -> OutputSettings:
        """What was asked for."""
        return self._outgoing.settings

    @property
    def is_open(self) -> bool:
        """It was started, and neither stopped nor lost since."""
        return self._outgoing.is_open

    @property
    def is_playing(self) -> bool:
        """Something that was written, to it or to one of its tracks, is still to be heard."""
        return self._outgoing.is_playing

    def add_track(
        self, *, sample_rate: int | None = None, channels: int | None = None, dtype: SampleType | None = None
    ) -> Track:
        """Another sound beside what is written to the speaker itself, and beside other tracks; the sum saturates.

        Args:
            sample_rate, channels, dtype: of what is written to it, as the speaker's own; None: those of the speaker.

        Raises:
            ArgumentError: something is out of range, or there are 32 tracks already.
        """
        given = {"sample_rate": sample_rate, "channels": channels, "dtype": dtype}
        wanted: Any = {name: value for name, value in given.items() if value is not None}
        return Track(self._outgoing, replace(self.settings, **wanted))

    def statistics(self) -> SpeakerStatistics:
        """What happened since the start."""
        return self._outgoing.statistics()

    @staticmethod
    def version() -> versions.VersionInfo:
        """The versions at work; as the function of this name."""
        return versions.version()

    def __repr__(self) -> str:
        settings = self.settings
        return (
            f"{type(self).__name__}(sample_rate={settings.sample_rate}, channels={settings.channels}, "
            f"dtype={settings.dtype!r}, device={settings.device!r}, {'open' if self.is_open else 'closed'})"
        )
