"""When to try a lost device again."""

from __future__ import annotations

import random

FIRST_S = 0.2
# With the time that an open takes, a device that is there again is found within 5 s.
LONGEST_S = 4.0


class Backoff:
    """Pauses that double from FIRST_S to LONGEST_S, each shortened by up to a quarter at random.

    The jitter keeps two devices on one hub, or two threads on one card, from meeting at every try.
    """

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def pause_s(self) -> float:
        """The next pause."""
        pause_s = self._next_s * random.uniform(0.75, 1.0)
        self._next_s = min(LONGEST_S, 2 * self._next_s)
        return pause_s

    def reset(self) -> None:
        """It worked: begin anew."""
        self._next_s = FIRST_S
