"""The thread that owns a speaker while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from satellite.core.audio import AudioFormat
from satellite.core.errors import AudioFormatError, DeviceLost, DeviceUnsupported, NotRunning, SatelliteError
from satellite.core.ports import Sink
from satellite.core.waiting import Bell
from satellite.dsp.convert import Converter

log = logging.getLogger(__name__)

# So much is converted and written at a time: a stop waits for no more.
_BITE_S = 0.02
_JOIN_S = 5.0
# A card that stands still never plays what it holds.
_MARGIN_S = 0.5


class Outlet:
    """Opens a speaker in a thread of its own and plays what is put into a bounded queue, until it is stopped.

    When nothing more comes, what is there is played to its end, and the card rests until more comes.

    Args:
        open_sink: opens the speaker; called in the thread.
        form: of the bytes that come.
        queue_s: how much may wait.
        bell: guards what others look at, and tells them of every change.
        before: may still hold the device, or be about to get it: it is waited for first.
    """

    def __init__(
        self,
        open_sink: Callable[[], Sink],
        form: AudioFormat,
        queue_s: float,
        bell: Bell,
        before: Outlet | None = None,
    ) -> None:
        self._open_sink = open_sink
        self._form = form
        self._before = before
        self._bell = bell
        self._limit_bytes = max(form.frame_bytes, round(queue_s * form.rate_hz) * form.frame_bytes)
        self._bite_bytes = max(form.frame_bytes, round(_BITE_S * form.rate_hz) * form.frame_bytes)
        self._thread = threading.Thread(target=self._run, name="satellite-speaker", daemon=True)
        self._written = 0
        self.underruns = 0
        # Below: guarded by the bell.
        self._queue: deque[memoryview] = deque()
        self._queued_bytes = 0
        self._resting = True
        self._stopping = False
        self.running = True
        self.opened = False
        self.description = ""
        self.error: SatelliteError | None = None

    def start(self) -> None:
        """Begin. Once."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to be silent and to end; whoever waits is woken. From any thread; twice is harmless."""
        with self._bell:
            self._stopping, self.running = True, False
            self._queue.clear()
            self._queued_bytes = 0
            self._bell.ring()

    def join(self) -> None:
        """Wait until the device is closed; for one that is just being opened, some seconds at most."""
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            log.error("the speaker's thread did not stop within %s s", _JOIN_S)

    # Attempts, for the bell to wait for.

    def offer(self, pcm: memoryview) -> int | None:
        """Queue as much of this, whole frames, as there is room for; how many bytes that was."""
        self._check()
        room = self._limit_bytes - self._queued_bytes
        if room <= 0:
            return None
        self._queue.append(pcm[:room])
        self._queued_bytes += len(pcm[:room])
        self._bell.ring()
        return len(pcm[:room])

    def drained(self) -> bool | None:
        """True when all has been heard, or was discarded by a stop."""
        if self.error:
            raise self.error.with_traceback(None)
        return None if self.running and self.playing else True

    @property
    def playing(self) -> bool:
        """Something waits to be heard, or is in the card."""
        return self.running and (self._queued_bytes > 0 or not self._resting)

    def _check(self) -> None:
        if self.error:
            raise self.error.with_traceback(None)
        if not self.running:
            raise NotRunning("the speaker was stopped: call start() first")

    # Below here: the thread.

    def _run(self) -> None:
        error: SatelliteError | None = None
        if self._before:
            self._before.join()
            self._before = None
        try:
            sink = self._open_sink()
            try:
                self._use(sink)
            finally:
                sink.close()
        except SatelliteError as failure:
            error = failure
        except Exception as bug:
            log.exception("the speaker's thread ended")
            error = DeviceLost(f"the speaker's thread ended: {bug!r}")
        with self._bell:
            self.running, self.error = False, error
            self._bell.ring()

    def _use(self, sink: Sink) -> None:
        try:
            converter = Converter(self._form, sink.format.rate_hz, sink.format.channels)
        except AudioFormatError as error:
            raise DeviceUnsupported(f"{sink.description}: {error}") from None
        with self._bell:
            self.description, self.opened = sink.description, True
            self._bell.ring()
        while not self._stopping:
            pcm = self._bell.wait(self._bite, self._lead_s(sink))
            if isinstance(pcm, bytes):
                self._write(sink, converter.process(pcm).tobytes())
            elif not pcm:
                self._finish(sink, converter)
        sink.drop()

    def _bite(self) -> bytes | bool:
        """The next bytes; True on a stop, False when there are none yet."""
        if self._stopping or not self._queue:
            return self._stopping
        first = self._queue.popleft()
        taken, rest = first[: self._bite_bytes], first[self._bite_bytes :]
        if rest:
            self._queue.appendleft(rest)
        self._queued_bytes -= len(taken)
        self._resting = False
        self._bell.ring()
        return bytes(taken)

    def _lead_s(self, sink: Sink) -> float | None:
        """How long the next bytes may take to come without a gap; None: for ever, for nothing plays."""
        if self._resting:
            return None
        return max(0.0, (sink.queued_frames() - sink.period_frames) / sink.format.rate_hz)

    def _write(self, sink: Sink, pcm: bytes) -> None:
        if pcm:
            sink.write(pcm)
            self._written += len(pcm) // sink.format.frame_bytes
            self.underruns = sink.underruns

    def _finish(self, sink: Sink, converter: Converter) -> None:
        """Nothing more came in time: play what is left. Cards move whole periods, so silence fills the last one."""
        self._write(sink, converter.flush().tobytes())
        self._write(sink, bytes(-self._written % sink.period_frames * sink.format.frame_bytes))
        rate_hz = sink.format.rate_hz
        deadline_s = time.monotonic() + sink.queued_frames() / rate_hz + _MARGIN_S
        while (queued := sink.queued_frames()) and time.monotonic() < deadline_s:
            if self._bell.wait(self._wanted, queued / rate_hz):
                return
        sink.drain()
        with self._bell:
            self._resting = not self._queue
            self._bell.ring()

    def _wanted(self) -> bool | None:
        return True if self._queue or self._stopping else None
