"""How much sound is missing, by the clock: ALSA says that an overrun happened, not how long it was."""

from __future__ import annotations

from satellite.core.audio import RATE_HZ


class GapClock:
    """Compares the sound that came with the time that went by.

    It starts anew whenever all that the device had was taken, so a clock of the device that runs fast or slow does not
    add up. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._got_s = 0.0

    def got(self, seconds: float) -> None:
        """So much sound came."""
        self._got_s += seconds

    def caught_up(self, now_s: float) -> None:
        """The device has no more: nothing is missing up to now."""
        if self._since_s is None or self._got_s:
            self._since_s, self._got_s = now_s, 0.0

    def newest_s(self, now_s: float) -> float:
        """When the newest sound was captured: before now, while more of it waits in the device."""
        return now_s if self._since_s is None else min(now_s, self._since_s + self._got_s)

    def close(self, now_s: float) -> int:
        """Samples at RATE_HZ that are missing between what came and now, where sound begins again; never negative."""
        missing_s = 0.0 if self._since_s is None else now_s - self._since_s - self._got_s
        self._since_s, self._got_s = now_s, 0.0
        return max(0, round(missing_s * RATE_HZ))
