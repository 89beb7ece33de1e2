"""One peer's connection: a reader that waits for nothing but the socket, a writer with a bounded queue, one ending."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from satellite.core.errors import ProtocolError
from satellite.core.events import AnswerAudio
from satellite.network import protocol
from satellite.network.outbox import Outbox

# How much is handed to the transport at once, and how much it may hold: what lies there cannot be overtaken by a pong.
WRITE_BYTES = 16 * 1024
# Events that lie ready are read without a pause; after so many the writer and the other connections get their turn.
BURST = 64
# Home Assistant sends a few events a second, and sound by the hundred, which is bounded by its bytes. So many others
# may come at once, and so many a second later on; crumbs of sound count as others.
EVENTS_AT_ONCE, EVENTS_PER_S = 1_000, 100
CRUMB_BYTES = 256


class Ending(StrEnum):
    """Why a connection ended."""

    CLOSED = "closed by the peer"
    FAILED = "connection failed"
    BROKEN = "not Wyoming"
    SLOW = "does not read"
    SILENT = "silent"
    REPLACED = "replaced"
    CROWDED = "too many connections"
    IDLE = "idle"
    FLOODING = "sends too many events"
    UNTRUSTED = "not the trusted server"
    DROPPED = "dropped"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class ConnectionStatistics:
    """One connection's counters since it was made."""

    number: int
    peer: str
    paused: bool
    events_received: int
    events_ignored: int
    sound_bytes_received: int
    events_sent: int
    bytes_sent: int
    bytes_queued: int


class Connection:
    """A peer. Used in the loop's thread only.

    Args:
        number: never used twice.
        outbox: what waits for it.
        address: the peer's.
        peer: its address and port, for people.
        received: called with every event; must not block, must not raise.
        ended: called once, when it is decided that the connection is over, with why and a line for people.
        close_s: how long a peer has to take what is still queued when we close.
    """

    def __init__(
        self,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        outbox: Outbox,
        *,
        address: str,
        peer: str,
        received: Callable[[Connection, protocol.Received], None],
        ended: Callable[[Connection, Ending, str], None],
        close_s: float,
    ) -> None:
        self.number = number
        self.address = address
        self.peer = peer
        self.paused = False
        self.answers_pings = False
        self.silent_checks = 0
        self.unsent_bytes = 0
        """What waited for the peer when it was cut off."""
        self._reader = reader
        self._writer = writer
        self._outbox = outbox
        self._received = received
        self._ended = ended
        self._close_s = close_s
        self._over = False
        self._waiting = asyncio.Event()
        self._allowance, self._allowed_at_s = float(EVENTS_AT_ONCE), 0.0
        self._events_received = self._events_ignored = self._sound_bytes = self._events_sent = self._bytes_sent = 0
        writer.transport.set_write_buffer_limits(high=WRITE_BYTES)

    @property
    def over(self) -> bool:
        """It has ended, though its socket may still be closing."""
        return self._over

    def send(self, encoded: bytes, *, urgent: bool = False) -> None:
        """Queue an event; a peer for which too much waits is given up."""
        self._queued(self._outbox.put(encoded, urgent=urgent))

    def send_sound(self, encoded: bytes) -> None:
        """Queue microphone sound; a peer for which too much waits is given up."""
        self._queued(self._outbox.put_sound(encoded))

    def end(self, ending: Ending, text: str = "", *, flush: bool = False) -> None:
        """It is over, now. The first reason counts; later ones are ignored.

        Args:
            flush: give the peer `close_s` to take what is queued; otherwise it is cut off at once.
        """
        if self._over:
            return
        self._over = True
        self.unsent_bytes = 0 if flush else self._outbox.queued_bytes
        self._ended(self, ending, text or ending.value)
        transport = self._writer.transport
        if not flush:
            transport.abort()
            return
        self._writer.write(self._outbox.take(self._outbox.queued_bytes))
        self._writer.close()
        asyncio.get_running_loop().call_later(self._close_s, transport.abort)

    async def run(self) -> None:
        """Serve the peer until the connection is over and closed."""
        writing = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            self.end(Ending.STOPPING)
            writing.cancel()
            await asyncio.wait({writing})
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    def count_ignored(self) -> None:
        """An event came that this peer may not send, or that says nothing to us."""
        self._events_ignored += 1

    def statistics(self) -> ConnectionStatistics:
        """Counters since the connection was made."""
        return ConnectionStatistics(
            self.number,
            self.peer,
            self.paused,
            self._events_received,
            self._events_ignored,
            self._sound_bytes,
            self._events_sent,
            self._bytes_sent,
            self._outbox.queued_bytes,
        )

    def _queued(self, taken: bool) -> None:
        if self._over:
            return
        if not taken:
            self.end(Ending.SLOW, f"does not read: {self._outbox.queued_bytes} bytes wait for it")
            return
        self._events_sent += 1
        self._waiting.set()

    async def _read(self) -> None:
        try:
            while not self._over and (event := await protocol.read_event(self._reader)) is not None:
                self._note(event)
                if self._floods(event):
                    self.end(Ending.FLOODING)
                    break
                self._received(self, event)
                if self._events_received % BURST == 0:
                    await asyncio.sleep(0)
            self.end(Ending.CLOSED, flush=True)
        except ProtocolError as error:
            self.end(Ending.BROKEN, f"not Wyoming: {error}")
        except OSError as error:
            self.end(Ending.FAILED, f"connection failed: {error.strerror or error}")

    def _note(self, event: protocol.Received) -> None:
        self.silent_checks = 0
        self._events_received += 1
        if isinstance(event, AnswerAudio):
            self._sound_bytes += len(event.pcm)
        elif isinstance(event, protocol.Ping | protocol.Pong):
            self.answers_pings = True
        elif isinstance(event, protocol.WakeWords | protocol.Ignored):
            self._events_ignored += 1

    def _floods(self, event: protocol.Received) -> bool:
        if isinstance(event, AnswerAudio) and len(event.pcm) >= CRUMB_BYTES:
            return False
        now_s = asyncio.get_running_loop().time()
        earned = (now_s - self._allowed_at_s) * EVENTS_PER_S
        self._allowance = min(EVENTS_AT_ONCE, self._allowance + earned) - 1
        self._allowed_at_s = now_s
        return self._allowance < 0

    async def _write(self) -> None:
        try:
            while True:
                await self._waiting.wait()
                while encoded := self._outbox.take(WRITE_BYTES):
                    self._writer.write(encoded)
                    self._bytes_sent += len(encoded)
                    await self._writer.drain()
                self._waiting.clear()
        except OSError as error:
            self.end(Ending.FAILED, f"connection failed: {error.strerror or error}")
