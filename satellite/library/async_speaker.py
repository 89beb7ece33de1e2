"""A speaker for asyncio."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, Unpack

from satellite.library import devices
from satellite.library.at_once import MicrophoneAtOnce, SpeakerAtOnce
from satellite.library.options import OutputOptions, Samples
from satellite.library.settings import OutputSettings


class AsyncSpeaker(SpeakerAtOnce):
    """`Speaker` for asyncio: the same arguments, the same errors.

    ```
    async with await AsyncSpeaker.open(sample_rate=22_050) as speaker:
        await speaker.write(pcm)
    ```

    Nothing here blocks the event loop. Any call may be cancelled at any time: a cancelled write has queued the
    beginning of its samples, or nothing; a cancelled drain lets the sound go on.

    Args:
        heard_by, options: those of Speaker.

    Raises:
        ArgumentError: something is out of range. Each has its own class below it.
    """

    def __init__(self, *, heard_by: MicrophoneAtOnce | None = None, **options: Unpack[OutputOptions]) -> None:
        super().__init__(OutputSettings(**options), heard_by)

    @classmethod
    async def open(cls, *, heard_by: MicrophoneAtOnce | None = None, **options: Unpack[OutputOptions]) -> Self:
        """A speaker that is not started yet: as the constructor, for the same form as AsyncMicrophone.open()."""
        return cls(heard_by=heard_by, **options)

    async def start(self) -> None:
        """As Speaker.start()."""
        await self._outgoing.aopen()

    async def stop(self) -> None:
        """As Speaker.stop()."""
        await self._outgoing.aclose()

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
        await self._main.awrite(samples)

    async def drain(self) -> None:
        """As Speaker.drain(). Cancelled, it lets the sound go on."""
        await self._outgoing.bell.wait_async(self._outgoing.drained)

    @staticmethod
    async def output_devices() -> list[devices.OutputDeviceInfo]:
        """All speakers; as the function of this name."""
        return await asyncio.to_thread(devices.output_devices)
