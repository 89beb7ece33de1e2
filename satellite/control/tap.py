"""Letting the owner hear what the microphone gives, while the satellite goes on hearing it.

The sound is taken where it leaves the card: all channels, before any gain. Muted, it is silence here too. One may
listen at a time. Nothing waits for the listener: what it does not take in time is dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from satellite.control.protocol import encode
from satellite.core.audio import AudioFormat
from satellite.core.errors import ControlError
from satellite.core.ports import Captured, Source

log = logging.getLogger(__name__)

LONGEST_S = 600.0
# Held for a listener that is slow.
QUEUE_S = 2.0
_LOOK_S = 0.05
# An empty message shows that we live, and that the listener does.
_ALIVE_S = 1.0
_FIRST_SOUND_S = 3.0
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class TapStatistics:
    """Who listens in.

    Attributes:
        active: somebody does, as process `process` (0: nobody), for `for_s` so far.
        times: how often somebody did, since the start.
        dropped_bytes: of sound that listeners did not take in time.
    """

    active: bool
    process: int
    for_s: float
    times: int
    dropped_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What came since the last one.

    Attributes:
        pcm: silence where it was muted.
        drained_at_s: time (CLOCK_MONOTONIC) at which the card had no more than this; None when it had.
        overruns, dropped_bytes: so far.
        muted: this was, or now is.
    """

    pcm: bytes
    drained_at_s: float | None
    overruns: int
    dropped_bytes: int
    muted: bool


class _Queue:
    """From the capture thread, which never waits, to the loop."""

    def __init__(self, muted: Callable[[], bool]) -> None:
        self._muted = muted
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._drained_at_s: float | None = None
        self._was_muted = False
        self._overruns = self.dropped_bytes = 0
        self.form: AudioFormat | None = None
        self.description = ""
        self.ended = False

    def put(self, source: Source, captured: Captured, now_s: float) -> None:
        """One read of the microphone, in the thread that read it."""
        muted = self._muted()
        with self._lock:
            if self.form is None:
                self.form, self.description = source.format, source.description
            self.ended = self.ended or source.format != self.form
            self._overruns += captured.overrun
            self._drained_at_s = None if captured.pcm or captured.overrun else now_s
            self._was_muted |= muted
            if len(self._pcm) + len(captured.pcm) > QUEUE_S * self.form.second_bytes:
                self.dropped_bytes += len(captured.pcm)
            elif not self.ended:
                self._pcm += bytes(len(captured.pcm)) if muted else captured.pcm

    def take(self) -> Batch:
        """All there is. What was heard before a mute and not yet told is silence as well."""
        with self._lock:
            muted = self._muted()
            pcm = bytes(len(self._pcm)) if muted else bytes(self._pcm)
            muted_or_was = muted or self._was_muted
            self._pcm.clear()
            self._was_muted = False
            return Batch(pcm, self._drained_at_s, self._overruns, self.dropped_bytes, muted_or_was)


class Tap:
    """Gives the microphone's sound to one listener on the control socket.

    Args:
        muted: the microphone is; called in the capture thread and in the loop.
        first_sound_s: a microphone that gives none for so long is not to be listened to.
        patience_s: a listener that takes nothing for so long is put out.
    """

    def __init__(
        self, muted: Callable[[], bool], first_sound_s: float = _FIRST_SOUND_S, patience_s: float = _PATIENCE_S
    ) -> None:
        self._muted = muted
        self._first_sound_s = first_sound_s
        self._patience_s = patience_s
        self._queue: _Queue | None = None
        self._process = self._times = self._dropped_bytes = 0
        self._since_s = 0.0

    def around(self, source: Source) -> Source:
        """The same source; what is read from it is offered to the listener, if there is one."""
        return _Tapped(source, self)

    def offer(self, source: Source, captured: Captured) -> None:
        """One read; in the capture thread."""
        queue = self._queue
        if queue:
            queue.put(source, captured, time.monotonic())

    def statistics(self) -> TapStatistics:
        """Who listens in."""
        queue = self._queue
        return TapStatistics(
            active=queue is not None,
            process=self._process if queue else 0,
            for_s=round(time.monotonic() - self._since_s, 1) if queue else 0.0,
            times=self._times,
            dropped_bytes=self._dropped_bytes + (queue.dropped_bytes if queue else 0),
        )

    async def stream(self, seconds: float, writer: asyncio.StreamWriter) -> None:
        """Send the sound of the next `seconds`; ends early when the microphone changes its format.

        Raises:
            ControlError: somebody else listens, that is too long, or there is no sound.
            ConnectionError, TimeoutError: the listener is gone, or does not read.
        """
        if not 0 < seconds <= LONGEST_S:
            raise ControlError(f"listening for {seconds:g} s: must be more than 0 and at most {LONGEST_S:g}")
        if self._queue:
            raise ControlError(f"somebody else (process {self._process}) listens to the microphone just now; try again")
        self._process, self._since_s = _peer(writer), time.monotonic()
        self._times += 1
        queue = self._queue = _Queue(self._muted)
        log.info("process %d listens to the microphone, for at most %g s", self._process, seconds)
        try:
            await _begin(queue, writer, self._first_sound_s)
            await _send(queue, writer, seconds, self._patience_s)
        finally:
            self._queue = None
            self._dropped_bytes += queue.dropped_bytes
            for_s = time.monotonic() - self._since_s
            log.info("process %d no longer listens to the microphone, after %.1f s", self._process, for_s)


class _Tapped:
    """A source that is listened in to."""

    def __init__(self, source: Source, tap: Tap) -> None:
        self._source = source
        self._tap = tap

    @property
    def format(self) -> AudioFormat:
        return self._source.format

    @property
    def period_s(self) -> float:
        return self._source.period_s

    @property
    def buffer_s(self) -> float:
        return self._source.buffer_s

    @property
    def first_sound_s(self) -> float:
        return self._source.first_sound_s

    @property
    def description(self) -> str:
        return self._source.description

    def read(self) -> Captured:
        captured = self._source.read()
        self._tap.offer(self._source, captured)
        return captured

    def close(self) -> None:
        self._source.close()


async def _begin(queue: _Queue, writer: asyncio.StreamWriter, first_sound_s: float) -> None:
    """Tell the format as soon as it is known."""
    deadline_s = time.monotonic() + first_sound_s
    while queue.form is None:
        if time.monotonic() > deadline_s:
            raise ControlError("the satellite's microphone gives no sound; satellite --status says why")
        await asyncio.sleep(_LOOK_S)
    writer.write(encode({"ok": {"format": queue.form, "description": queue.description}}))


async def _send(queue: _Queue, writer: asyncio.StreamWriter, seconds: float, patience_s: float) -> None:
    end_s = time.monotonic() + seconds
    sent_s = 0.0
    while (now_s := time.monotonic()) < end_s and not queue.ended:
        batch = queue.take()
        if batch.pcm or now_s > sent_s + _ALIVE_S:
            sent_s = now_s
            writer.write(encode(_head(batch)) + batch.pcm)
            async with asyncio.timeout(patience_s):
                await writer.drain()
        await asyncio.sleep(_LOOK_S)
    writer.write(encode({"end": True}))


def _head(batch: Batch) -> dict[str, object]:
    return {
        "bytes": len(batch.pcm),
        "drained_at_s": batch.drained_at_s,
        "overruns": batch.overruns,
        "dropped_bytes": batch.dropped_bytes,
        "muted": batch.muted,
    }


def _peer(writer: asyncio.StreamWriter) -> int:
    """The process at the other end; the kernel knows it."""
    connection = writer.get_extra_info("socket")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process: int = struct.unpack("3i", credentials)[0]
    return process
