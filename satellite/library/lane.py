"""One of the sounds on its way to a speaker that plays several."""

from __future__ import annotations

from collections import deque

import numpy as np

from satellite.core.audio import AudioFormat, Int16
from satellite.dsp.convert import Converter
from satellite.dsp.fader import Fader
from satellite.library.settings import OutputSettings

# So much is converted at a time: a stop waits for no more.
_BITE_S = 0.02


class Lane:
    """Bytes as they were written. Used under the lock of the speaker."""

    def __init__(self, settings: OutputSettings) -> None:
        form = self.form = AudioFormat(settings.sample_rate, settings.channels, 2)
        self._limit_bytes = max(1, round(settings.queue_ms / 1000 * form.rate_hz)) * form.frame_bytes
        self._bite_bytes = max(1, round(_BITE_S * form.rate_hz)) * form.frame_bytes
        self._writer: object = None
        self._queue: deque[memoryview] = deque()
        self._queued_bytes = 0
        self.sounding = False
        """Something that was taken is still to be heard."""

    def put(self, pcm: memoryview, writer: object) -> int:
        """Queue as much of this, whole frames, as there is room for, if nobody else writes; how many bytes that was."""
        if self._writer not in (None, writer):
            return 0
        self._writer = writer
        kept = pcm[: max(0, self._limit_bytes - self._queued_bytes)]
        if kept:
            self._queue.append(kept)
            self._queued_bytes += len(kept)
        return len(kept)

    def leave(self, writer: object) -> None:
        """This writer is done; another one may write."""
        if self._writer is writer:
            self._writer = None

    def bite(self) -> bytes:
        """Take the next bytes; b"" when there are none."""
        if not self._queue:
            return b""
        first = self._queue.popleft()
        bite, rest = first[: self._bite_bytes], first[self._bite_bytes :]
        if rest:
            self._queue.appendleft(rest)
        self._queued_bytes -= len(bite)
        self.sounding = True
        return bytes(bite)

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._queued_bytes = 0
        self.sounding = False

    @property
    def waiting(self) -> bool:
        """There is something to take."""
        return bool(self._queue)

    @property
    def playing(self) -> bool:
        """Something is still to be heard."""
        return self.waiting or self.sounding


class Strand:
    """What the speaker's thread has of a lane: frames as the open speaker wants them.

    Args:
        form: of the lane's bytes.
        rate_hz, channels: of the speaker.
        fader: its gain among the others.

    Raises:
        AudioFormatError: it cannot be converted.
    """

    def __init__(self, form: AudioFormat, rate_hz: int, channels: int, fader: Fader) -> None:
        self.fader = fader
        self._converter = Converter(form, rate_hz, channels)
        self._ready: Int16 = np.zeros((0, channels), np.int16)
        self._flushed = False
        self.end = 0
        """Where its last frame lies in what was written to the speaker."""

    def convert(self, pcm: bytes) -> None:
        """Make these bytes ready."""
        self._ready = np.concatenate((self._ready, self._converter.process(pcm)))
        self._flushed = False

    def flush(self) -> None:
        """Nothing comes for now: make the rest ready."""
        if not self._flushed:
            self._ready = np.concatenate((self._ready, self._converter.flush()))
            self._flushed = True

    @property
    def over(self) -> bool:
        """All that came was taken."""
        return self._flushed and not len(self._ready)

    @property
    def ready(self) -> int:
        """How many frames are ready."""
        return len(self._ready)

    def take(self, frames: int) -> Int16:
        """The next frames, at most so many: int16, (n, channels)."""
        taken, self._ready = self._ready[:frames], self._ready[frames:]
        return taken
