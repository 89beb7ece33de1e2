"""A microphone as it can be started, read and stopped, without saying who waits: a thread or a task."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from satellite.core.errors import AlreadyRunning, SettingOutOfRange
from satellite.core.ports import Source
from satellite.library.chunks import Chunk, Chunker, Heard
from satellite.library.devices import opened
from satellite.library.intake import Intake
from satellite.library.run import Runs
from satellite.library.settings import InputSettings
from satellite.library.speaking import Detector, detector

if TYPE_CHECKING:
    from satellite.config import MicrophoneConfig
    from satellite.library.echo import Echo

# What ALSA is asked for: below, cards have no rates; above, the sound is converted.
_LOWEST_CARD_HZ, _HIGHEST_CARD_HZ = 8_000, 192_000
_SHORTEST_PERIOD_MS, _LONGEST_PERIOD_MS = 5.0, 20.0


class End(Enum):
    """The stream is over, and nothing went wrong."""

    END = "end"


@dataclass(frozen=True, slots=True)
class MicrophoneStatistics:
    """What a microphone has done since its start.

    Attributes:
        description: the open device and what it granted; "" before.
        chunks: that came.
        waiting_chunks: not read yet.
        dropped_chunks: never read, because `queue_chunks` waited already.
        overruns: how often the device lost sound because we were late.
        lost_s: how much, by the clock: the chunks have silence in its place, as long, up to a minute for each overrun.
    """

    description: str = ""
    chunks: int = 0
    waiting_chunks: int = 0
    dropped_chunks: int = 0
    overruns: int = 0
    lost_s: float = 0.0


class Incoming(Runs[Intake]):
    """The runs of a microphone."""

    def __init__(self, settings: InputSettings) -> None:
        super().__init__("microphone")
        self.settings = settings
        self._echo = _echo(settings) if settings.aec else None
        self._ears = Ears(settings, self._echo)
        self._read: Heard | None = None
        self._read_s = 0.0

    def load(self) -> None:
        """Load the speech model if there is to be one, once. Raises ModelError."""
        self._ears.load()

    @property
    def echo(self) -> Echo:
        """What cancels its echo. Raises SettingOutOfRange when nothing does."""
        if self._echo is None:
            raise SettingOutOfRange("this microphone cancels no echo: make it with aec=True")
        return self._echo

    def begin(self) -> Intake:
        """Start a run, from a clean state. Raises AlreadyRunning, ForkedProcess."""
        self.check_process()
        with self.bell:
            if self.last and self.last.running:
                raise AlreadyRunning("the microphone is running: stop it before you start it again")
            self._read = None
            ears = self._ears
            return self.started(Intake(ears.open, ears.chunker, self.settings.queued_chunks, self.bell, self.last))

    def next(self) -> Chunk | End | None:
        """An attempt: the oldest chunk that waits. Raises DeviceLost after the last, NotRunning before any start."""
        intake = self.current
        if intake.waiting:
            self._read, self._read_s = intake.waiting.popleft(), time.monotonic()
            return self._read.chunk
        intake.raise_error()
        return None if intake.running else End.END

    def end(self) -> Intake | None:
        """As Runs.end(); what was read is forgotten."""
        intake = super().end()
        self._read = None
        return intake

    @property
    def waiting(self) -> int:
        """Chunks that can be read at once."""
        return len(self.last.waiting) if self.last else 0

    @property
    def is_speaking(self) -> bool:
        """Somebody spoke in the last chunk read, or before it and the hold-off is not over now."""
        last = self._read
        return last is not None and time.monotonic() - self._read_s <= last.speaking_s

    @property
    def vad_score(self) -> float:
        """Of the last chunk read."""
        last = self._read
        return last.chunk.vad_score if last else 0.0

    def statistics(self) -> MicrophoneStatistics:
        """Of the run under way, or the last one."""
        intake = self.last
        if intake is None:
            return MicrophoneStatistics()
        counts, waiting = replace(intake.counts), len(intake.waiting)
        return MicrophoneStatistics(
            intake.description, counts.chunks, waiting, counts.dropped_chunks, counts.overruns, counts.lost_s
        )


class Ears:
    """What the thread needs: how to open the device, the echo canceller, and the speech detector, loaded once."""

    def __init__(self, settings: InputSettings, echo: Echo | None) -> None:
        self._settings = settings
        self._echo = echo
        self._detector: Detector | None = None

    def load(self) -> None:
        """Load the speech model if there is to be one, once. Raises ModelError."""
        if self._detector is None:
            self._detector = detector(self._settings)

    def open(self) -> Source:
        """The open microphone; the model first. Raises DeviceError, ModelError."""
        from satellite.device.opening import open_source

        self.load()
        return opened(self._settings.device, "capture", lambda name: open_source(self._asked(name)))

    def chunker(self, source: Source) -> Chunker:
        """Makes chunks of what this microphone gives. Raises AudioFormatError."""
        if self._detector:
            self._detector.reset()
        return Chunker(self._settings, source.format, self._detector, self._echo.canceller if self._echo else None)

    def _asked(self, name: str) -> MicrophoneConfig:
        from satellite.config import MicrophoneConfig

        settings = self._settings
        return MicrophoneConfig(
            device=name,
            rate_hz=min(max(settings.sample_rate, _LOWEST_CARD_HZ), _HIGHEST_CARD_HZ),
            channels=settings.channels_asked,
            period_ms=min(max(_SHORTEST_PERIOD_MS, settings.chunk_s * 500), _LONGEST_PERIOD_MS),
        )


def _echo(settings: InputSettings) -> Echo:
    # Only who cancels an echo pays for it.
    from satellite.library.echo import Echo

    return Echo(settings)
