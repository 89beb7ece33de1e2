"""A microphone as it can be started, read and stopped, without saying who waits: a thread or a task."""

from __future__ import annotations

import os
import time
import weakref
from dataclasses import dataclass, replace
from enum import Enum

from satellite.config import MicrophoneConfig
from satellite.core.errors import AlreadyRunning, ForkedProcess, NotRunning, SettingOutOfRange
from satellite.core.ports import Source
from satellite.core.waiting import Bell
from satellite.library.chunks import Chunk, Chunker, Heard
from satellite.library.devices import opened
from satellite.library.echo import Echo
from satellite.library.intake import Intake
from satellite.library.settings import InputSettings
from satellite.library.speaking import Detector, detector

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


class Incoming:
    """The runs of a microphone, one at a time.

    `opening` and `next` are attempts for `bell.wait`.
    """

    def __init__(self, settings: InputSettings) -> None:
        self.settings = settings
        self.bell = Bell()
        self._process = os.getpid()
        self._echo = Echo(settings) if settings.aec else None
        self._ears = Ears(settings, self._echo)
        self._intake: Intake | None = None
        self._forgotten = weakref.finalize(self, int)
        self._last: Heard | None = None
        self._last_s = 0.0

    def check_process(self) -> None:
        """Raises ForkedProcess in a child of the process that made this."""
        if os.getpid() != self._process:
            raise ForkedProcess(
                f"this microphone belongs to process {self._process}, from which this one was forked: "
                "make it here, or start processes by 'spawn'"
            )

    def load(self) -> None:
        """Load the speech model if there is to be one, once. Raises ModelError."""
        self._ears.load()

    @property
    def echo(self) -> Echo:
        """What cancels its echo. Raises SettingOutOfRange when nothing does."""
        if self._echo is None:
            raise SettingOutOfRange("this microphone cancels no echo: make it with aec=True")
        return self._echo

    def begin(self) -> None:
        """Start a run, from a clean state. Raises AlreadyRunning, ForkedProcess."""
        self.check_process()
        with self.bell:
            if self._intake and self._intake.running:
                raise AlreadyRunning("the microphone is running: stop it before you start it again")
            # Nothing of the thread's may lead back here: see below.
            intake = Intake(self._ears.open, self._ears.chunker, self.settings.queued_chunks, self.bell, self._intake)
            self._intake, self._last = intake, None
        # Whoever forgets to stop it, and then forgets it, does not keep the device.
        self._forgotten.detach()
        self._forgotten = weakref.finalize(self, intake.stop)
        intake.start()

    def opening(self) -> bool | None:
        """True when the device is open. Raises DeviceError and ModelError when it does not open."""
        intake = self._needed()
        if intake.error:
            raise intake.error.with_traceback(None)
        return True if intake.opened or not intake.running else None

    def next(self) -> Chunk | End | None:
        """The oldest chunk that waits. Raises DeviceLost after the last one, NotRunning before the first start."""
        intake = self._needed()
        if intake.waiting:
            self._last, self._last_s = intake.waiting.popleft(), time.monotonic()
            return self._last.chunk
        if intake.error:
            raise intake.error.with_traceback(None)
        return None if intake.running else End.END

    def end(self) -> Intake | None:
        """Stop the run: the device is closed soon. Returns whom to join."""
        self.check_process()
        intake = self._intake
        if intake:
            intake.stop()
        with self.bell:
            self._last = None
        return intake

    @property
    def waiting(self) -> int:
        """Chunks that can be read at once."""
        return len(self._intake.waiting) if self._intake else 0

    @property
    def is_open(self) -> bool:
        """Sound comes, or is about to."""
        intake = self._intake
        return intake is not None and intake.running and os.getpid() == self._process

    @property
    def is_speaking(self) -> bool:
        """Somebody spoke in the last chunk read, or before it and the hold-off is not over now."""
        last = self._last
        return last is not None and time.monotonic() - self._last_s <= last.speaking_s

    @property
    def vad_score(self) -> float:
        """Of the last chunk read."""
        last = self._last
        return last.chunk.vad_score if last else 0.0

    def statistics(self) -> MicrophoneStatistics:
        """Of the run under way, or the last one."""
        intake = self._intake
        if intake is None:
            return MicrophoneStatistics()
        counts, waiting = replace(intake.counts), len(intake.waiting)
        return MicrophoneStatistics(
            intake.description, counts.chunks, waiting, counts.dropped_chunks, counts.overruns, counts.lost_s
        )

    def _needed(self) -> Intake:
        if self._intake is None:
            raise NotRunning("the microphone was not started: use it in a with statement, or call start()")
        return self._intake


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
        settings = self._settings
        return MicrophoneConfig(
            device=name,
            rate_hz=min(max(settings.sample_rate, _LOWEST_CARD_HZ), _HIGHEST_CARD_HZ),
            channels=settings.channels_asked,
            period_ms=min(max(_SHORTEST_PERIOD_MS, settings.chunk_s * 500), _LONGEST_PERIOD_MS),
        )
