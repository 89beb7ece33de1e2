"""The thread that owns a microphone while it runs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from satellite.core.audio import RATE_HZ
from satellite.core.errors import AudioFormatError, DeviceLost, DeviceUnsupported
from satellite.core.ports import Source
from satellite.core.waiting import Bell
from satellite.device.gap import GapClock
from satellite.library.chunks import Chunker, Heard
from satellite.library.run import Run

# After its first sound a device that is silent for so long is lost, whatever ALSA says.
_NO_SOUND_S = 2.0
# Silence for more than this is of no use to anybody.
_LONGEST_GAP_S = 60.0


@dataclass
class IntakeCounts:
    """What was taken in and what was missed: `lost_s` of sound by the clock, in `overruns` gaps filled with silence."""

    chunks: int = 0
    dropped_chunks: int = 0
    overruns: int = 0
    lost_s: float = 0.0


class Intake(Run):
    """Opens a microphone in a thread of its own and puts its chunks into a bounded queue, until it is stopped.

    When nobody takes the chunks, the oldest are dropped and counted.

    Args:
        open_source: opens the microphone; called in the thread, as are the two below.
        prepare: makes the chunker for the open microphone.
        capacity: chunks that may wait.
        bell, before: as Run.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        prepare: Callable[[Source], Chunker],
        capacity: int,
        bell: Bell,
        before: Intake | None = None,
    ) -> None:
        super().__init__("microphone", bell, before)
        self._open_source = open_source
        self._prepare = prepare
        self._capacity = capacity
        self._gap = GapClock()
        self.counts = IntakeCounts()
        # Below: guarded by the bell.
        self.description = ""
        self.waiting: deque[Heard] = deque()

    def halt(self) -> None:
        self.running = False
        self.waiting.clear()

    def work(self) -> None:
        source = self._open_source()
        try:
            self._listen(source)
        finally:
            source.close()

    def _listen(self, source: Source) -> None:
        """Until the end of the source, a stop, or an error."""
        try:
            chunker = self._prepare(source)
        except AudioFormatError as error:
            raise DeviceUnsupported(f"{source.description}: {error}") from None
        with self.bell:
            self.description, self.opened = source.description, True
            self.bell.ring()
        try:
            self._read(source, chunker)
        except EOFError:
            pass
        finally:
            # Also when the device fails: its last words are heard before its error.
            self._put(chunker.flush(time.monotonic()))

    def _read(self, source: Source, chunker: Chunker) -> None:
        heard_s, patience_s = time.monotonic(), source.first_sound_s
        fresh = False
        while not self._stopping.is_set():
            captured = source.read()
            now_s = time.monotonic()
            if captured.overrun:
                self._lose(chunker, now_s)
            if captured.pcm:
                self._gap.got(len(captured.pcm) / source.format.second_bytes)
                self._put(chunker.feed(captured.pcm, self._gap.newest_s(now_s)))
            if captured.pcm or captured.overrun:
                heard_s, patience_s, fresh = now_s, _NO_SOUND_S, True
                continue
            self._gap.caught_up(now_s)
            if now_s - heard_s > patience_s:
                raise DeviceLost(f"{source.description}: no sound for {patience_s:g} s")
            # After sound the next period is due in one period; when it was not there yet, look sooner.
            self._stopping.wait(source.period_s if fresh else source.period_s / 2)
            fresh = False

    def _lose(self, chunker: Chunker, now_s: float) -> None:
        lost_s = self._gap.close(now_s) / RATE_HZ
        self.counts.overruns += 1
        self.counts.lost_s += lost_s
        for heard in chunker.lose(min(lost_s, _LONGEST_GAP_S), now_s):
            self._put(heard)

    def _put(self, heard: list[Heard]) -> None:
        if not heard:
            return
        with self.bell:
            if self._stopping.is_set():
                return
            self.waiting.extend(heard)
            self.counts.chunks += len(heard)
            while len(self.waiting) > self._capacity:
                self.waiting.popleft()
                self.counts.dropped_chunks += 1
            self.bell.ring()
