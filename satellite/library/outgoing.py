"""A speaker as it can be started, written to and stopped, without saying who waits: a thread or a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from satellite.core.errors import ChannelsOutOfRange, DeviceUnsupported
from satellite.core.ports import Sink
from satellite.library.devices import opened
from satellite.library.lane import Lane
from satellite.library.outlet import Outlet
from satellite.library.run import Runs
from satellite.library.settings import OutputSettings

if TYPE_CHECKING:
    from satellite.config import SpeakerConfig
    from satellite.library.echo import Echo

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


class Outgoing(Runs[Outlet]):
    """The runs of a speaker.

    Args:
        echo: of the microphone that hears this speaker.
    """

    def __init__(self, settings: OutputSettings, echo: Echo | None = None) -> None:
        super().__init__("speaker")
        self.settings = settings
        self._echo = echo
        self._lanes: list[Lane] = []

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

    def begin(self) -> Outlet:
        """Start a run, unless one is under way. Raises ForkedProcess, AlreadyRunning."""
        self.check_process()
        with self.bell:
            if self.last and self.last.running:
                return self.last
            reference = self._echo.claim(self) if self._echo else None
            return self.started(Outlet(_Opening(self.settings).open, self._lanes, self.bell, reference, self.last))

    @property
    def is_playing(self) -> bool:
        """Something waits to be heard, or is in the card."""
        return self.is_open and any(lane.playing for lane in tuple(self._lanes))

    def statistics(self) -> SpeakerStatistics:
        """Of the run under way, or the last one."""
        outlet = self.last
        return SpeakerStatistics(outlet.description, outlet.underruns) if outlet else SpeakerStatistics()

    def drained(self) -> bool:
        """An attempt: all of every sound has been heard. Raises DeviceLost, NotRunning."""
        outlet = self.current
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
        from satellite.config import SpeakerConfig

        rate_hz = min(max(self._settings.sample_rate, _LOWEST_CARD_HZ), _HIGHEST_CARD_HZ)
        settings = self._settings
        return SpeakerConfig(device=name, rate_hz=rate_hz, channels=settings.channels, buffer_ms=settings.buffer_ms)
