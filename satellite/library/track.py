"""One of the sounds that a speaker plays at the same time."""

from __future__ import annotations

from satellite.library.lane import Lane
from satellite.library.options import Samples
from satellite.library.outgoing import Outgoing
from satellite.library.outlet import Outlet
from satellite.library.samples import taken
from satellite.library.settings import OutputSettings


class Track:
    """A sound of its own on a speaker: `Speaker.add_track` makes it. For threads, and with `await` for tasks.

    ```
    with Speaker() as speaker:
        music = speaker.add_track(sample_rate=44_100, channels=2)
        music.write(pcm)
        speaker.write(said)
    ```

    Where it runs dry beside others it is silent, and goes on with what is written next. Stopping the speaker discards
    what waits here, too.
    """

    def __init__(self, outgoing: Outgoing, settings: OutputSettings) -> None:
        self._outgoing = outgoing
        self.settings = settings
        """Rate, channels and sample type of what is written."""
        self._lane = Lane(settings)
        outgoing.add(self._lane)

    def write(self, samples: Samples) -> None:
        """As Speaker.write(). Writes of several threads and tasks come one after the other, each whole.

        Raises:
            SamplesUnfit: of another type or shape; a TypeError, too.
            NotRunning: the speaker was not started, or was stopped; or the track was removed.
            DeviceLost: the device failed or was unplugged.
        """
        write = _Write(self._outgoing.current, self._lane, self._pcm(samples))
        try:
            while write.rest:
                self._outgoing.bell.wait(write.go_on)
        finally:
            self._over(write)

    async def awrite(self, samples: Samples) -> None:
        """The same for asyncio; cancelled, it has queued the beginning of the samples, or nothing."""
        write = _Write(self._outgoing.current, self._lane, self._pcm(samples))
        try:
            while write.rest:
                await self._outgoing.bell.wait_async(write.go_on)
        finally:
            self._over(write)

    def drain(self) -> None:
        """Wait until all that was written here has been heard, or a stop discards it. Raises as write()."""
        outlet = self._outgoing.current
        self._outgoing.bell.wait(lambda: outlet.drained(self._lane))

    async def adrain(self) -> None:
        """The same for asyncio; cancelled, it lets the sound go on."""
        outlet = self._outgoing.current
        await self._outgoing.bell.wait_async(lambda: outlet.drained(self._lane))

    def remove(self) -> None:
        """Take it from the speaker: what waits is discarded, and nothing more can be written. Twice is harmless."""
        self._outgoing.remove(self._lane)

    @property
    def is_playing(self) -> bool:
        """Something that was written here is still to be heard."""
        return self._outgoing.is_open and self._lane.playing

    def _pcm(self, samples: Samples) -> memoryview:
        return memoryview(taken(samples, self.settings.dtype, self.settings.channels))

    def _over(self, write: _Write) -> None:
        with self._outgoing.bell:
            self._lane.leave(write)
            self._outgoing.bell.ring()


class _Write:
    """One call of write: it has the lane for itself until it is over."""

    def __init__(self, outlet: Outlet, lane: Lane, pcm: memoryview) -> None:
        self._outlet = outlet
        self._lane = lane
        self.rest = pcm

    def go_on(self) -> bool:
        """An attempt: queue as much as there is room for."""
        count = self._outlet.offer(self._lane, self.rest, self)
        self.rest = self.rest[count:]
        return count > 0
