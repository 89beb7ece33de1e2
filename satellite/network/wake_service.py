"""A wake word service elsewhere on the network: it gets the sound of the room, and says when it heard its word."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from satellite.core import events as ev
from satellite.core.audio import RATE_HZ, samples_in
from satellite.core.errors import ProtocolError
from satellite.network import protocol
from satellite.network.frame import HEADER_BYTES, one_line
from satellite.network.sockets import prepare

log = logging.getLogger(__name__)

CONNECT_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A service that hangs up sooner does not count as one that is there.
SETTLED_S = 10.0
# 5 s of sound; older sound wakes nobody any more.
WAITING = 63
# Home Assistant refuses a phrase that it hears again within 2 s.
REFRACTORY_S = 2.0
# Quiet enough for a lead-in: the service tells no noise floor.
FLOOR_DBFS = -60.0
# How far back a detection may point.
REMEMBERED = samples_in(4_000)


@dataclass(frozen=True, slots=True)
class WakeServiceStatistics:
    """What has been done.

    Attributes:
        state: "connecting", "listening" (it gets sound), "lost" or "stopped".
        address: where it is.
        connections: so far.
        sent_bytes, dropped_bytes: of sound; dropped: too much waited, or nobody was there to take it.
        waiting: pieces of sound that are not sent yet.
        detections, refused: wake words; refused: within 2 s of the one before.
        latency_ms: of the last detection, from when its sound was heard, as the service dates it, to its arrival.
    """

    state: str
    address: str
    connections: int
    sent_bytes: int
    dropped_bytes: int
    waiting: int
    detections: int
    refused: int
    latency_ms: float | None


class WakeService:
    """Sends sound to a Wyoming wake word service, and posts a WakeDetected for each of its detections.

    It connects again, with growing pauses up to 30 s, whenever the connection is lost. `feed` may be called by any
    thread and never waits; all else belongs to one loop.

    Args:
        host, port: where it is.
        names: wake words to ask for; empty: as it likes.
        post: takes the wakes.
    """

    def __init__(self, host: str, port: int, names: Sequence[str], post: Callable[[ev.Event], None]) -> None:
        self._host, self._port = host, port
        self._names = tuple(names)
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._sound: deque[tuple[ev.RoomAudio, float]] = deque()
        self._come = asyncio.Event()
        self._state = "connecting"
        self._heard: deque[tuple[int, float]] = deque(maxlen=WAITING)
        self._newest = 0
        self._deaf_until_s = 0.0
        self._connections = self._sent = self._dropped = self._detections = self._refused = 0
        self._latency_ms: float | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._keep_connected())

    async def close(self) -> None:
        """Hang up. Twice is harmless."""
        self._state = "stopped"
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    def feed(self, sound: ev.RoomAudio) -> None:
        """Send the next sound; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed at the end
            self._loop.call_soon_threadsafe(self._put, sound)

    def statistics(self) -> WakeServiceStatistics:
        """What has been done so far."""
        return WakeServiceStatistics(
            self._state,
            self._address,
            self._connections,
            self._sent,
            self._dropped,
            len(self._sound),
            self._detections,
            self._refused,
            self._latency_ms,
        )

    @property
    def _address(self) -> str:
        return f"{self._host}:{self._port}"

    def _put(self, sound: ev.RoomAudio) -> None:
        if self._state != "listening":
            self._dropped += len(sound.pcm)
            return
        if len(self._sound) >= WAITING:
            self._dropped += len(self._sound.popleft()[0].pcm)
        self._sound.append((sound, self._loop.time()))
        self._come.set()

    async def _keep_connected(self) -> None:
        pause_s, why = FIRST_PAUSE_S, ""
        while True:
            try:
                async with asyncio.timeout(CONNECT_S):
                    reader, writer = await asyncio.open_connection(self._host, self._port, limit=HEADER_BYTES)
            except (OSError, TimeoutError) as error:
                why = why or self._complain(f"cannot be reached: {getattr(error, 'strerror', None) or 'no answer'}")
            except UnicodeError:
                why = why or self._complain("cannot be reached: that is no name of a machine")
            else:
                began_s = self._loop.time()
                why = self._complain(await self._talk(reader, writer))
                pause_s = FIRST_PAUSE_S if self._loop.time() - began_s > SETTLED_S else pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    def _complain(self, why: str) -> str:
        """Once for each loss."""
        self._state = "lost"
        log.warning("the wake word service at %s %s; trying again and again", self._address, why)
        return why

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Until the connection is over: why."""
        self._connections += 1
        self._sound.clear()
        self._state = "listening"
        log.info("the wake word service at %s listens", self._address)
        writing = asyncio.create_task(self._write(writer))
        try:
            prepare(writer.get_extra_info("socket"))
            while (event := await protocol.read_event(reader)) is not None:
                # A service that says too much must not keep the loop to itself.
                await asyncio.sleep(0)
                match event:
                    case ev.RemoteWake() if self._woke(event):
                        writer.write(protocol.encode_detect_again())
                    case protocol.WakeWords(names):
                        self._compare(names)
        except (OSError, ProtocolError) as error:
            return f"is lost: {getattr(error, 'strerror', None) or error}"
        finally:
            writing.cancel()
            await asyncio.wait({writing})
            writer.transport.abort()
        return "hung up"

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # the reader hears of it, too
            writer.write(protocol.encode_describe() + protocol.encode_detect(self._names))
            while True:
                await self._come.wait()
                while self._sound:
                    sound, heard_s = self._sound.popleft()
                    self._heard.append((sound.end, heard_s))
                    self._newest = sound.end
                    writer.write(protocol.encode_room_audio(sound.pcm, 1000 * sound.start // RATE_HZ))
                    self._sent += len(sound.pcm)
                    await writer.drain()
                self._come.clear()

    def _compare(self, known: Sequence[str]) -> None:
        """What was asked for that is not there: openWakeWord's service says nothing of it, ever."""
        plain = set(map(_plain, known))
        unknown = [name for name in self._names if _plain(name) not in plain]
        if unknown and known:
            has = one_line(", ".join(known), 1_000)
            log.warning(
                "the wake word service at %s has no %s; it has %s", self._address, " and no ".join(unknown), has
            )

    def _woke(self, event: ev.RemoteWake) -> bool:
        """Whether it counts."""
        now_s = self._loop.time()
        if now_s < self._deaf_until_s:
            self._refused += 1
            return False
        self._deaf_until_s = now_s + REFRACTORY_S
        self._detections += 1
        at, heard_s = self._place(event.at_ms, now_s)
        self._latency_ms = round((now_s - heard_s) * 1000, 1)
        name = event.name or "wake word"
        self._post(ev.WakeDetected(name, name, 1.0, at, FLOOR_DBFS, heard_s))
        return True

    def _place(self, at_ms: int | None, now_s: float) -> tuple[int, float]:
        """The end of the piece of sound that a detection names, and when it was heard; the newest if that is nonsense.

        Services name a piece by its beginning.
        """
        at = self._newest if at_ms is None else at_ms * RATE_HZ // 1000 + samples_in(1)
        if not self._newest - REMEMBERED <= at < self._newest:
            return self._newest, self._heard[-1][1] if self._heard else now_s
        return next((end, heard_s) for end, heard_s in self._heard if end > at)


def _plain(name: str) -> str:
    """As openWakeWord's service compares: alexa is alexa_v0.1."""
    return re.sub(r"_v[0-9.]+$", "", name).replace("_", " ").strip().lower()
