"""A speaker as it can be started, written to and stopped, without saying who waits: a thread or a task."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass

from satellite.config import SpeakerConfig
from satellite.core.errors import ChannelsOutOfRange, DeviceUnsupported, ForkedProcess, NotRunning
from satellite.core.ports import Sink
from satellite.core.waiting import Bell
from satellite.library.devices import opened
from satellite.library.echo import Echo
from satellite.library.lane import Lane
from satellite.library.outlet import Outlet
from satellite.library.settings import OutputSettings

_LOWEST_CARD_HZ, _HIGHEST_CARD_HZ = 8_000, 192_000
_MOST_TRACKS = 32


@dataclass(frozen=True, slots=True)
class SpeakerStatistics:
    """What a speaker has done since its start.

    Attributes:
        description: the open device and what it granted; "" before.
        underruns: how often the device ran dry in the middle of sound.
    """

    description: str = ""
    underruns: int = 0


class Outgoing:
    """The runs of a speaker, one at a time.

    Args:
        echo: of the microphone that hears this speaker.
    """

    def __init__(self, settings: OutputSettings, echo: Echo | None = None) -> None:
        self.settings = settings
        self.bell = Bell()
        self._echo = echo
        self._process = os.getpid()
        self._lanes: list[Lane] = []
        self._outlet: Outlet | None = None
        self._forgotten = weakref.finalize(self, int)

    def check_process(self) -> None:
        """Raises ForkedProcess in a child of the process that made this."""
        if os.getpid() != self._process:
            raise ForkedProcess(
                f"this speaker belongs to process {self._process}, from which this one was forked: "
                "make it here, or start processes by 'spawn'"
            )

    def add(self, lane: Lane) -> None:
        """One more sound; at once, also while others play. Raises ChannelsOutOfRange."""
        with self.bell:
            if len(self._lanes) > _MOST_TRACKS:
                raise ChannelsOutOfRange(f"there are {_MOST_TRACKS} tracks already: remove one first")
            self._lanes.append(lane)

    def remove(self, lane: Lane) -> None:
        """No more of this sound; ignored when it is gone already."""
        with self.bell:
            if lane in self._lanes:
                self._lanes.remove(lane)
                lane.clear()
                self.bell.ring()

    def begin(self) -> None:
        """Start a run, unless one is under way. Raises ForkedProcess, AlreadyRunning."""
        self.check_process()
        with self.bell:
            if self._outlet and self._outlet.running:
                return
            reference = self._echo.claim(self) if self._echo else None
            opening = _Opening(self.settings)
            outlet = self._outlet = Outlet(opening.open, self._lanes, self.bell, reference, self._outlet)
        # Whoever forgets to stop it, and then forgets it, does not keep the device.
        self._forgotten.detach()
        self._forgotten = weakref.finalize(self, outlet.stop)
        outlet.start()

    def opening(self) -> bool:
        """An attempt: True when the device is open. Raises DeviceError when it does not open."""
        outlet = self.outlet
        if outlet.error:
            raise outlet.error.with_traceback(None)
        return outlet.opened or not outlet.running

    @property
    def outlet(self) -> Outlet:
        """The run under way, or the last one. Raises NotRunning before the first, ForkedProcess elsewhere."""
        self.check_process()
        if self._outlet is None:
            raise NotRunning("the speaker was not started: use it in a with statement, or call start()")
        return self._outlet

    def end(self) -> Outlet | None:
        """Be silent, and stop the run: the device is closed soon. Returns whom to join."""
        self.check_process()
        if self._outlet:
            self._outlet.stop()
        return self._outlet

    @property
    def is_open(self) -> bool:
        """It can be written to."""
        return self._outlet is not None and self._outlet.running and os.getpid() == self._process

    @property
    def is_playing(self) -> bool:
        """Something waits to be heard, or is in the card."""
        return self.is_open and any(lane.playing for lane in tuple(self._lanes))

    def statistics(self) -> SpeakerStatistics:
        """Of the run under way, or the last one."""
        outlet = self._outlet
        return SpeakerStatistics(outlet.description, outlet.underruns) if outlet else SpeakerStatistics()

    def drained(self) -> bool:
        """An attempt: all of every sound has been heard. Raises DeviceLost, NotRunning."""
        outlet = self.outlet
        return all(outlet.drained(lane) for lane in self._lanes)


class _Opening:
    """What the thread needs: nothing of it leads back to the speaker."""

    def __init__(self, settings: OutputSettings) -> None:
        self._settings = settings

    def open(self) -> Sink:
        """The open speaker. Raises DeviceError."""
        from satellite.device.opening import open_sink

        sink = opened(self._settings.device, "playback", lambda name: open_sink(self._asked(name)))
        if sink is None:
            raise DeviceUnsupported("the speaker 'none' plays nothing: name a device, or wav:FILE")
        return sink

    def _asked(self, name: str) -> SpeakerConfig:
        rate_hz = min(max(self._settings.sample_rate, _LOWEST_CARD_HZ), _HIGHEST_CARD_HZ)
        settings = self._settings
        return SpeakerConfig(device=name, rate_hz=rate_hz, channels=settings.channels, buffer_ms=settings.buffer_ms)
