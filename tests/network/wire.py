"""What the network's tests share: a loop with a deadline, a plain peer, a listening server that keeps what it posts."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, TypeVar

from wyoming.event import Event, async_read_event, async_write_event

from satellite.config import ServerConfig
from satellite.core import events as ev
from satellite.core.audio import AudioFormat
from satellite.network.frame import HEADER_BYTES
from satellite.network.protocol import SatelliteInfo, WakeWord
from satellite.network.server import Limits, Server
from satellite.network.trust import Trust

T = TypeVar("T")
INFO = SatelliteInfo(
    name="Kitchen",
    version="1.2.3",
    area="Küche",
    wake_words=(WakeWord("hey_jarvis", "Hey Jarvis"), WakeWord("alexa", "Alexa")),
    speaker=AudioFormat(48_000, 2, 2),
)


def drive(story: Coroutine[Any, Any, T], within_s: float = 30.0) -> T:
    """Run a story in a loop of its own; it fails when it takes longer."""

    async def bounded() -> T:
        async with asyncio.timeout(within_s):
            return await story

    return asyncio.run(bounded())


def reader_of(*pieces: bytes) -> asyncio.StreamReader:
    """A stream that holds these bytes and then ends. Needs a running loop."""
    reader = asyncio.StreamReader(limit=HEADER_BYTES)
    for piece in pieces:
        reader.feed_data(piece)
    reader.feed_eof()
    return reader


CHUNK = {"rate": 22_050, "width": 2, "channels": 1}


class Peer:
    """Any program that connects: sends what it likes, reads through the wyoming package."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def stop_reading(self) -> None:
        assert isinstance(self.writer.transport, asyncio.Transport)
        self.writer.transport.pause_reading()

    def go_on_reading(self) -> None:
        assert isinstance(self.writer.transport, asyncio.Transport)
        self.writer.transport.resume_reading()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, kind: str, data: dict[str, Any] | None = None, payload: bytes = b"") -> None:
        await async_write_event(Event(kind, data or {}, payload), self.writer)

    async def read(self) -> Event | None:
        with contextlib.suppress(ConnectionError):
            return await async_read_event(self.reader)
        return None

    async def ask(self, kind: str, answer: str, data: dict[str, Any] | None = None) -> Event:
        """Send and wait for the answer; anything else that comes first is skipped."""
        await self.send(kind, data)
        while (event := await self.read()) is not None and event.type != answer:
            pass
        assert event is not None, f"closed instead of {answer}"
        return event

    async def become_server(self) -> None:
        await self.send("run-satellite")
        await self.ask("ping", "pong")

    async def gone(self) -> bool:
        """Wait until the other side closed; everything it still says is skipped."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass
        return True


class Bench:
    """A listening server and what it posted."""

    def __init__(self, server: Server, posted: list[ev.Event], news: asyncio.Event) -> None:
        self.server, self.posted, self._news = server, posted, news

    async def peer(self, host: str = "127.0.0.1", *, receive_bytes: int = 0) -> Peer:
        """Connect; `receive_bytes` makes the peer's kernel hold little."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        connecting = socket.socket(family, socket.SOCK_STREAM)
        connecting.setblocking(False)
        if receive_bytes:
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await asyncio.get_running_loop().sock_connect(connecting, (host, self.server.port))
        return Peer(*await asyncio.open_connection(sock=connecting))

    async def until(self, fact: Callable[[], object]) -> None:
        """Wait until something is true; it is asked again after every event posted. The story's deadline holds."""
        while not fact():
            self._news.clear()
            await self._news.wait()

    async def settles(self, fact: Callable[[], object]) -> None:
        """Wait for what is not posted; it is asked once per turn of the loop. The story's deadline holds."""
        while True:
            if fact():
                return
            await asyncio.sleep(0)

    def endings(self) -> Mapping[str, int]:
        return self.server.statistics().endings

    async def posts(self, *kinds: type) -> None:
        """Wait until exactly these were posted, in this order; sound is not compared."""
        await self.until(lambda: self.kinds()[: len(kinds)] == list(kinds))

    def kinds(self) -> list[type]:
        return [type(event) for event in self.posted if not isinstance(event, ev.AnswerAudio)]


@contextlib.asynccontextmanager
async def listening(
    *,
    limits: Limits | None = None,
    allow: Sequence[str] = (),
    host: str = "127.0.0.1",
    networks: Sequence[str] = (),
    trust: Trust | None = None,
    remote_trigger: bool = False,
) -> AsyncIterator[Bench]:
    """A server on a port of its own.

    Args:
        networks: those that are said to be on-link on our interfaces.
    """
    posted: list[ev.Event] = []
    news = asyncio.Event()

    def post(event: ev.Event) -> None:
        posted.append(event)
        news.set()

    own = tuple(map(ipaddress.ip_network, networks))
    config = ServerConfig(host=host, port=0, allow=tuple(allow), remote_trigger=remote_trigger)
    server = Server(config, INFO, post, limits=limits or Limits(), trust=trust, networks=lambda: own)
    await server.start()
    try:
        yield Bench(server, posted, news)
    finally:
        await server.close()


async def silence_passes(limits: Limits) -> None:
    """As long as a server may be silent, and longer: another server loses a silent peer twice meanwhile."""
    async with listening(limits=limits) as clock:
        for number in (1, 2):
            async with await clock.peer() as silent:
                await silent.become_server()
                await clock.until(lambda: clock.kinds().count(ev.ServerLost) == number)  # noqa: B023
