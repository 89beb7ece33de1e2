"""A stand-in for Home Assistant: connects over TCP, listens to a command, and answers with what it heard.

It understands nothing and speaks the protocol as Home Assistant does: one connection that asks who is there, another
that stays, pings, answers sent as fast as the socket takes them. It shows the whole way before Home Assistant exists.
"""

from __future__ import annotations

import asyncio
from typing import Any

from satellite.core.audio import WIRE_FORMAT
from satellite.network.frame import HEADER_BYTES, Frame, read_frame, write_frame

# As Home Assistant sends them.
CHUNK_BYTES = 2048
PING_S = 2.0
LONGEST_BYTES = 60 * WIRE_FORMAT.second_bytes


class Parrot:
    """Says back what it was told.

    Args:
        host, port: where the satellite listens.
        skip_bytes: how much at the head of each stream is not repeated (the synthetic lead-in).
    """

    def __init__(self, host: str, port: int, skip_bytes: int) -> None:
        self._host, self._port = host, port
        self._skip_bytes = skip_bytes
        self._heard = bytearray()

    async def run(self) -> None:
        """Serve one satellite until it closes the connection.

        Raises:
            ProtocolError: the satellite does not speak Wyoming.
            OSError: it cannot be reached.
        """
        await self._ask_who()
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=HEADER_BYTES)
        pings = asyncio.create_task(self._ping(writer))
        try:
            await self._send(writer, "run-satellite")
            await self._send(writer, "describe")
            while frame := await read_frame(reader):
                await self._answer(frame, writer)
        finally:
            pings.cancel()
            await asyncio.gather(pings, return_exceptions=True)
            writer.close()

    async def _ask_who(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=HEADER_BYTES)
        await self._send(writer, "describe")
        await read_frame(reader)
        writer.close()
        await writer.wait_closed()

    async def _answer(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        if frame.type == "run-pipeline":
            self._heard.clear()
            await self._send(writer, "transcribe", {"language": "en"})
        elif frame.type == "audio-chunk" and len(self._heard) < LONGEST_BYTES:
            self._heard += frame.payload
        elif frame.type == "audio-stop":
            await self._say_back(writer)

    async def _say_back(self, writer: asyncio.StreamWriter) -> None:
        sound = bytes(self._heard[self._skip_bytes :])
        form = {"rate": WIRE_FORMAT.rate_hz, "width": WIRE_FORMAT.width_bytes, "channels": WIRE_FORMAT.channels}
        await self._send(writer, "transcript", {"text": f"{len(sound) / WIRE_FORMAT.second_bytes:.2f} s of sound"})
        await self._send(writer, "audio-start", form)
        for start in range(0, len(sound), CHUNK_BYTES):
            await self._send(writer, "audio-chunk", form, sound[start : start + CHUNK_BYTES])
        await self._send(writer, "audio-stop")

    async def _ping(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(PING_S)
            await self._send(writer, "ping")

    async def _send(
        self, writer: asyncio.StreamWriter, kind: str, data: dict[str, Any] | None = None, payload: bytes = b""
    ) -> None:
        writer.write(write_frame(Frame(kind, data or {}, payload)))
        await writer.drain()
