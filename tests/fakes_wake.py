"""A small Wyoming wake word service, on the wyoming package's own server: it hears its word where sound is loud.

async with FakeWakeService() as service:
    ... f"tcp://127.0.0.1:{service.port}"
"""

from __future__ import annotations

import asyncio
from typing import Self

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.server import AsyncEventHandler
from wyoming.wake import Detect, Detection, NotDetected

LOUD = 1_000.0
# So much loud sound is a word; it then waits for another stream. Like the real ones it hangs up at the end of one.
WORD_S = 0.5
_US = Attribution("the tests", "")
_WORDS = [WakeModel(name, _US, True, name, "1", ["en"], None) for name in ("computer", "alexa_v0.1")]
INFO = Info(wake=[WakeProgram("loud", _US, True, "loud sound", "1", _WORDS)])


class FakeWakeService:
    """`chunks`: when each piece of sound was heard, in ms, and the sound.

    `names`: what was asked for, each time; `loud`: how many of the pieces were loud.
    """

    def __init__(self, port: int = 0, *, timestamps: bool = True) -> None:
        self.port = port
        self.timestamps = timestamps
        self.names: list[list[str] | None] = []
        self.chunks: list[tuple[int, bytes]] = []
        self.connections = self.loud = 0
        self._handlers: list[_Handler] = []
        self._server: asyncio.Server | None = None

    @property
    def pcm(self) -> bytes:
        """All it heard."""
        return b"".join(pcm for _, pcm in self.chunks)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        for handler in self._handlers:
            handler.writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        handler = _Handler(self, reader, writer)
        self._handlers.append(handler)
        await handler.run()


class _Handler(AsyncEventHandler):
    def __init__(self, service: FakeWakeService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._service = service
        self._loud_s = 0.0
        self._detected = False

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            await self.write_event(INFO.event())
        elif Detect.is_type(event.type):
            self._service.names.append(Detect.from_event(event).names)
        elif AudioStart.is_type(event.type):
            self._loud_s, self._detected = 0.0, False
        elif AudioChunk.is_type(event.type):
            await self._hear(AudioChunk.from_event(event))
        elif AudioStop.is_type(event.type):
            if not self._detected:
                await self.write_event(NotDetected().event())
            return False
        return True

    async def _hear(self, chunk: AudioChunk) -> None:
        assert (chunk.rate, chunk.width, chunk.channels) == (16_000, 2, 1)
        assert chunk.timestamp is not None
        self._service.chunks.append((chunk.timestamp, chunk.audio))
        sound = np.frombuffer(chunk.audio, "<i2").astype(float)
        if np.sqrt(np.mean(sound**2)) < LOUD:
            return
        self._service.loud += 1
        self._loud_s += len(sound) / chunk.rate
        if self._loud_s >= WORD_S and not self._detected:
            self._detected = True
            at_ms = chunk.timestamp if self._service.timestamps else None
            await self.write_event(Detection((self._service.names[-1] or ["computer"])[0], at_ms).event())
