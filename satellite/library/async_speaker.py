"""A speaker for asyncio."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, Unpack

from satellite.library import devices, versions
from satellite.library.outgoing import Outgoing, SpeakerStatistics
from satellite.library.settings import OutputOptions, OutputSettings, Samples
from satellite.library.speaker import told


class AsyncSpeaker:
    """`Speaker` for asyncio: the same arguments, the same errors.

    ```
    async with await AsyncSpeaker.open(sample_rate=22_050) as speaker:
        await speaker.write(pcm)
    ```

    Nothing here blocks the event loop. Any call may be cancelled at any time: a cancelled write has queued the
    beginning of its samples, or nothing; a cancelled drain lets the sound go on.

    Args:
        options: those of Speaker.

    Raises:
        ArgumentError: something is out of range. Each has its own class below it.
    """

    def __init__(self, **options: Unpack[OutputOptions]) -> None:
        self._outgoing = Outgoing(OutputSettings(**options))
        self._starts = asyncio.Lock()
        self._writes = asyncio.Lock()

    @classmethod
    async def open(cls, **options: Unpack[OutputOptions]) -> Self:
        """A speaker that is not started yet: as the constructor, for the same form as AsyncMicrophone.open()."""
        return cls(**options)

    @property
    def settings(self) -> OutputSettings:
        """What was asked for."""
        return self._outgoing.settings

    async def start(self) -> None:
        """As Speaker.start()."""
        async with self._starts:
            self._outgoing.begin()
            try:
                await self._outgoing.bell.wait_async(self._outgoing.opening)
            except BaseException:
                self._outgoing.end()
                raise

    async def stop(self) -> None:
        """As Speaker.stop()."""
        outlet = self._outgoing.end()
        if outlet:
            await asyncio.to_thread(outlet.join)

    async def close(self) -> None:
        """The same as stop()."""
        await self.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._outgoing.is_open:
                await self.drain()
        finally:
            await self.stop()

    async def write(self, samples: Samples) -> None:
        """As Speaker.write(). Writes of several tasks come one after the other, each whole."""
        outlet, rest = self._outgoing.outlet, self._outgoing.pcm(samples)
        async with self._writes:
            while rest:
                taken = await self._outgoing.bell.wait_async(lambda: outlet.offer(rest))  # noqa: B023 - at once
                rest = rest[taken or 0 :]

    async def drain(self) -> None:
        """As Speaker.drain(). Cancelled, it lets the sound go on."""
        await self._outgoing.bell.wait_async(self._outgoing.outlet.drained)

    @property
    def is_open(self) -> bool:
        """As Speaker.is_open."""
        return self._outgoing.is_open

    @property
    def is_playing(self) -> bool:
        """As Speaker.is_playing."""
        return self._outgoing.is_playing

    def statistics(self) -> SpeakerStatistics:
        """As Speaker.statistics()."""
        return self._outgoing.statistics()

    @staticmethod
    async def output_devices() -> list[devices.OutputDeviceInfo]:
        """All speakers; as the function of this name."""
        return await asyncio.to_thread(devices.output_devices)

    @staticmethod
    def version() -> versions.VersionInfo:
        """The versions at work; as the function of this name."""
        return versions.version()

    def __repr__(self) -> str:
        return told(self, self.settings, self.is_open)
