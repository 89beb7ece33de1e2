"""A microphone for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, Unpack

from satellite.library import devices
from satellite.library.at_once import MicrophoneAtOnce
from satellite.library.chunks import Chunk
from satellite.library.incoming import End
from satellite.library.microphone import chunk_or_end
from satellite.library.options import InputOptions, Samples
from satellite.library.settings import settings_of


class AsyncMicrophone(MicrophoneAtOnce):
    """`Microphone` for asyncio: the same arguments, the same chunks, the same errors.

    ```
    async with await AsyncMicrophone.open(vad="silero") as mic:
        async for chunk in mic:
            print(len(chunk), mic.is_speaking)
    ```

    Nothing here blocks the event loop: opening, reading and speech detection happen in the microphone's own thread. Any
    call may be cancelled at any time: a cancelled read has taken no chunk, a cancelled start closes the device again.

    Args:
        options: those of Microphone.

    Raises:
        ArgumentError: something is out of range. Each has its own class below it.
    """

    def __init__(self, **options: Unpack[InputOptions]) -> None:
        super().__init__(settings_of("AsyncMicrophone", InputOptions, options))

    @classmethod
    async def open(cls, **options: Unpack[InputOptions]) -> Self:
        """A microphone whose speech model is loaded already; it is not started yet.

        Raises:
            ArgumentError: as the constructor.
            ModelError: the speech model is missing or damaged.
        """
        microphone = cls(**options)
        await asyncio.to_thread(microphone.incoming.load)
        return microphone

    async def start(self) -> None:
        """As Microphone.start()."""
        await self.incoming.aopen()

    async def stop(self) -> None:
        """As Microphone.stop(). It takes effect at once, also on a start or a read in another task."""
        await self.incoming.aclose()

    async def close(self) -> None:
        """The same as stop()."""
        await self.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def read(self, timeout_ms: float | None = None) -> Samples | None:
        """As Microphone.read()."""
        chunk = await self.read_with_metadata(timeout_ms)
        return None if chunk is None else chunk.data

    async def read_with_metadata(self, timeout_ms: float | None = None) -> Chunk | None:
        """As Microphone.read_with_metadata()."""
        self.incoming.check_process()
        timeout_s = None if timeout_ms is None else timeout_ms / 1000
        got: Chunk | End | None = await self.incoming.bell.wait_async(self.incoming.next, timeout_s)
        return chunk_or_end(got)

    async def aiter_with_metadata(self) -> AsyncIterator[Chunk]:
        """The chunks until the stream is over: `async for chunk in mic.aiter_with_metadata()`, without await."""
        while (chunk := await self.read_with_metadata()) is not None:
            yield chunk

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Samples:
        samples = await self.read()
        if samples is None:
            raise StopAsyncIteration
        return samples

    @staticmethod
    async def input_devices() -> list[devices.DeviceInfo]:
        """All microphones; as the function of this name."""
        return await asyncio.to_thread(devices.input_devices)
