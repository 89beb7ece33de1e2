"""When the work is too much for the board, and what is given up then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from satellite.core.events import Event, WorkShed
from satellite.detect.wakeword import HOP_SAMPLES

HOP_MS = 80.0
# More of a hop's time than this must not be needed for long: the rest is for the network, the speaker and the system.
SHARE = 0.6
# For so much sound without a break.
PATIENCE_HOPS = 125
# The 95th percentile is that of the last 2 s: the second highest of 25.
_REMEMBERED, _RANK = 25, 23


class Overload:
    """Gives up work, one piece at a time, when the 95th percentile of a hop's time stays above 60 % of it for 10 s.

    It is told how long everything took, so it needs no clock. What was given up does not come back before the listener
    is made anew, at a start or a new configuration: the load that it caused would come back with it, and a wake word
    that comes and goes is worse than one that is away and named in the log.

    Args:
        steps: what can be given up, in that order: its name for people, and what does it.
    """

    def __init__(self, steps: Iterable[tuple[str, Callable[[], None]]]) -> None:
        self._steps = deque(steps)
        self.shed: tuple[str, ...] = ()
        self._hops_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._samples, self._ms = 0, 0.0
        self._over = 0

    @property
    def p95_ms(self) -> float:
        """Time that a hop of 80 ms needed, 95th percentile of the last 2 s; 0 before those."""
        return sorted(self._hops_ms)[_RANK] if len(self._hops_ms) == _REMEMBERED else 0.0

    def took(self, samples: int, ms: float) -> list[Event]:
        """So much sound was heard in so much time: a WorkShed when something was given up for it."""
        self._samples += samples
        self._ms += ms
        events: list[Event] = []
        while self._samples >= HOP_SAMPLES:
            share_ms = self._ms * HOP_SAMPLES / self._samples
            self._samples -= HOP_SAMPLES
            self._ms -= share_ms
            events += self._hop(share_ms)
        return events

    def _hop(self, ms: float) -> list[Event]:
        self._hops_ms.append(ms)
        self._over = self._over + 1 if self.p95_ms > SHARE * HOP_MS else 0
        if self._over < PATIENCE_HOPS or not self._steps:
            return []
        self._over = 0
        name, give_up = self._steps.popleft()
        give_up()
        self.shed = (*self.shed, name)
        return [WorkShed(name, round(self.p95_ms, 1))]
