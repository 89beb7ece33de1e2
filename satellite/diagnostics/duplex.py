"""Plays a sound while it records, and says when each of them happened. One clock: time.monotonic."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from satellite.core.audio import RATE_HZ, Int16
from satellite.core.errors import DeviceError, DeviceLost, SatelliteError
from satellite.core.ports import Sink
from satellite.diagnostics.recording import Stream
from satellite.dsp.convert import Converter

# To open a microphone, and until its first sound: a program (command:) may have to start first.
START_S = 10.0
# A sound that is written takes its length; a card that hangs takes for ever.
_PATIENCE_S = 3.0
_STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded.

    Attributes:
        samples: mono at RATE_HZ.
        began_s: when the first was captured.
        reads: how many of them there were, and when.
    """

    samples: Int16
    began_s: float
    overruns: int
    reads: Sequence[tuple[int, float]] = ()


class Recorder:
    """Records a microphone in a thread of its own until it is told to finish.

    Args:
        open_stream: opens it; called, and left, in the thread.
        channel: which to keep; -1, or one that it does not have: the mean of all.
    """

    def __init__(self, open_stream: Callable[[], AbstractContextManager[Stream]], channel: int) -> None:
        self._open_stream = open_stream
        self._channel = channel
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._changed = threading.Condition()
        self._stopping = False
        self._dated = False
        self._failure: SatelliteError | None = None
        self._pcm = bytearray()
        self._overruns = 0
        self._began_s = math.inf
        self._reads: list[tuple[int, float]] = []
        self._converter: Converter | None = None
        self.description = ""

    def start(self) -> None:
        """Begin; returns when sound comes.

        Raises:
            DeviceError: the microphone cannot be opened, or gives nothing.
            ControlError: the running satellite does not let us listen.
        """
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._dated or self._failure, START_S)
        if self._failure:
            raise self._failure
        if not self._dated:
            raise DeviceLost(f"{self.description or 'the microphone'}: no sound for {START_S:g} s")

    def wait(self, seconds: float) -> None:
        """Record for so long, or until it fails."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure, seconds)

    def finish(self) -> Recording:
        """Stop, and close the microphone.

        Raises:
            SatelliteError: it failed meanwhile.
        """
        self._stopping = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
        if self._failure or self._converter is None:
            raise self._failure or DeviceLost("the microphone does not answer")
        samples = np.concatenate((self._converter.process(bytes(self._pcm)), self._converter.flush()))
        return Recording(samples[:, 0], self._began_s, self._overruns, self._reads)

    def _run(self) -> None:
        try:
            with self._open_stream() as stream:
                self._record(stream)
        except SatelliteError as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _record(self, stream: Stream) -> None:
        self.description = stream.description
        if not stream.live:
            raise DeviceError(f"{stream.description} is a recording: it hears no speaker")
        channel = self._channel if self._channel < stream.format.channels else -1
        self._converter = Converter(stream.format, RATE_HZ, 1, channel)
        for batch in stream.batches:
            if self._stopping:
                return
            self._pcm += batch.pcm
            self._overruns = batch.overruns
            if batch.drained_at_s is not None and self._pcm:
                length_s = len(self._pcm) / stream.format.second_bytes
                self._reads.append((round(length_s * RATE_HZ), batch.drained_at_s))
                self._date(batch.drained_at_s - length_s)
        raise DeviceLost(f"{self.description} is over")

    def _date(self, began_s: float) -> None:
        # What was read was there by then: the earliest such beginning is the nearest to the true one.
        self._began_s = min(self._began_s, began_s)
        with self._changed:
            self._dated = True
            self._changed.notify_all()


class Write(NamedTuple):
    """A write into the speaker. `queued_frames`: that were not heard yet then, these included."""

    pcm: bytes
    queued_frames: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Playing:
    """`written_s`: when the first samples were written; `dated_s`: when they were heard, as the speaker tells."""

    written_s: float
    dated_s: float
    underruns: int
    writes: Sequence[Write] = ()


def play(sink: Sink, pcm: bytes, hung: Callable[[], None], patience_s: float = _PATIENCE_S) -> Playing:
    """Play a sound of the speaker's format to its end, in this thread.

    Args:
        hung: called in another thread when a speaker that may hang takes `patience_s` longer than the sound; nothing
            but the end of the process frees a write that hangs.

    Raises:
        DeviceLost: the speaker failed.
    """
    if not sink.may_hang:
        return _play(sink, pcm)
    watch = threading.Timer(len(pcm) / sink.format.second_bytes + patience_s, hung)
    watch.daemon = True
    watch.start()
    try:
        return _play(sink, pcm)
    finally:
        watch.cancel()


def _play(sink: Sink, pcm: bytes) -> Playing:
    form, size = sink.format, sink.period_frames * sink.format.frame_bytes
    pcm += bytes(-len(pcm) % size)
    written_s = time.monotonic()
    writes: list[Write] = []
    dated: list[float] = []
    for at in range(0, len(pcm), size):
        sink.write(pcm[at : at + size])
        write = Write(pcm[at : at + size], sink.queued_frames(), time.monotonic())
        writes.append(write)
        dated.append(write.at_s + (write.queued_frames - (at + size) // form.frame_bytes) / form.rate_hz)
    underruns = sink.underruns
    sink.drain()
    # The card stands still until its buffer is full: its first words about the time are worth nothing.
    return Playing(written_s, statistics.median(dated[len(dated) // 2 :]), underruns, writes)
