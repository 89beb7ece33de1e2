"""One sound on its way to the speaker."""

from __future__ import annotations

from collections import deque

import numpy as np

from satellite.core.audio import AudioFormat, Int16
from satellite.device.priority import Priority
from satellite.dsp.convert import Converter

# So much is converted at a time: the other voices and the card wait meanwhile.
_BITE_S = 0.02


class Voice:
    """Bytes as they arrive, samples as the speaker wants them.

    `add`, `bite` and `clear` are called under the lock of the owner; the rest by the playback thread only.

    Args:
        source: its number; or the name of a cue, whose end nobody waits for.
        form: of the bytes.
        percent: its own volume, which may be changed at any time.
    """

    def __init__(self, source: int | str, form: AudioFormat, priority: Priority, percent: int = 100) -> None:
        self.source = source
        self.form = form
        self.priority = priority
        self.percent = percent
        self.held_bytes = 0
        self.fed = False
        """It has had bytes."""
        self.full = False
        """Bytes were dropped; so are all that follow, for a sound with holes is worse than a short one."""
        self.ended = False
        """No more bytes come."""
        self.failed = False
        """It will not be heard."""
        self.removed = False
        """It shall not be heard any more."""
        self.started = False
        """A part of it was given to the card."""
        self._chunks: deque[memoryview] = deque()
        self._converter: Converter | None = None
        self._ready = np.zeros((0, 1), np.int16)
        self._flushed = False

    def add(self, pcm: bytes) -> None:
        """More bytes."""
        self._chunks.append(memoryview(pcm))
        self.held_bytes += len(pcm)
        self.fed = True

    def bite(self) -> bytes:
        """Take the next bytes, about _BITE_S of them; b"" when there are none."""
        wanted = max(self.form.frame_bytes, int(_BITE_S * self.form.second_bytes))
        taken = []
        while wanted > 0 and self._chunks:
            chunk = self._chunks.popleft()
            if len(chunk) > wanted:
                self._chunks.appendleft(chunk[wanted:])
            taken.append(chunk[:wanted])
            wanted -= len(taken[-1])
        pcm = b"".join(taken)
        self.held_bytes -= len(pcm)
        return pcm

    def clear(self) -> None:
        """Forget the bytes."""
        self._chunks.clear()
        self.held_bytes = 0

    def convert(self, pcm: bytes, rate_hz: int, channels: int) -> None:
        """Make these bytes ready for a card of this rate and channel count."""
        if self._converter is None:
            self._converter = Converter(self.form, rate_hz, channels)
            self._ready = np.zeros((0, channels), np.int16)
        self._ready = np.concatenate((self._ready, self._converter.process(pcm)))

    def flush(self) -> None:
        """Make the rest ready: there are no more bytes."""
        if self._converter is not None:
            self._ready = np.concatenate((self._ready, self._converter.flush()))
        self._flushed = True

    def has(self, frames: int) -> bool:
        """So many frames are ready, or all that there are."""
        return self._flushed or len(self._ready) >= frames

    @property
    def exhausted(self) -> bool:
        """All of it was taken."""
        return self._flushed and not len(self._ready)

    def take(self, frames: int) -> Int16:
        """The next frames, at most so many: int16, (n, channels)."""
        taken, self._ready = self._ready[:frames], self._ready[frames:]
        return taken
