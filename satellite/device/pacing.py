"""Real time for devices that have none of their own: files and pipes."""

from __future__ import annotations

import time
from collections.abc import Callable


class PlayClock:
    """Counts frames as a card does that plays at `rate_hz`: what is written, and what of it has been heard by now.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, rate_hz: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate_hz = rate_hz
        self._clock = clock
        self._written = 0
        self._base = 0
        self._began_s: float | None = None
        self.underruns = 0

    @property
    def heard(self) -> int:
        """Frames that have been heard."""
        if self._began_s is None:
            return self._base
        return min(self._written, self._base + int((self._clock() - self._began_s) * self._rate_hz))

    @property
    def queued(self) -> int:
        """Frames written and not yet heard."""
        return self._written - self.heard

    def wrote(self, frames: int) -> None:
        """So much was handed over now. When all before it has been heard already, that was an underrun."""
        if self._began_s is None or not self.queued:
            self.underruns += self._began_s is not None
            self._base = self._written
            self._began_s = self._clock()
        self._written += frames

    def rest(self) -> int:
        """Stand still until the next write. Returns how many frames were queued: they will not be heard."""
        heard = self.heard
        dropped = self._written - heard
        self._base = self._written = heard
        self._began_s = None
        return dropped
