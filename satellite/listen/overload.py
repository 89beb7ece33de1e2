"""When the work is too much for the board, and what is given up then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from satellite.core.events import Event, WorkResumed, WorkShed
from satellite.detect.wakeword import HOP_SAMPLES

HOP_MS = 80.0
# With no more of it than this there may be room for what was given up last: it is tried again after a minute of that,
# and each time in vain after twice as long, up to six hours.
EASE_SHARE = 0.3
EASE_HOPS, LONGEST_EASE_HOPS = 750, 270_000
# More of a hop's time than this must not be needed for long: the rest is for the network, the speaker and the system.
SHARE = 0.6
# For so much sound without a break.
PATIENCE_HOPS = 125
# The 95th percentile is that of the last 2 s: the second highest of 25.
_REMEMBERED, _RANK = 25, 23


@dataclass(slots=True)
class Piece:
    """Work that can be given up: its name for people, and what does that, and what takes it back.

    Attributes:
        ease_hops: so many easy hops before it is taken back.
    """

    name: str
    give_up: Callable[[], None]
    take_back: Callable[[], None]
    ease_hops: int = EASE_HOPS


class Overload:
    """Gives up work, one piece at a time, when the 95th percentile of a hop's time stays above 60 % of it for 10 s.

    What the board had no time for while something else ran on it comes back, the last piece first, when there is room
    again. Where the board itself is too slow that was in vain, and is tried ever more seldom: a wake word that comes
    and goes is worse than one that is away and named in the log. It is told how long everything took, so it needs no
    clock.

    Args:
        pieces: what can be given up, in that order.
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = deque(pieces)
        self._given_up: list[Piece] = []
        self._hops_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._samples, self._ms = 0, 0.0
        self._over = self._easy = 0

    @property
    def shed(self) -> tuple[str, ...]:
        """What is given up now."""
        return tuple(piece.name for piece in self._given_up)

    @property
    def p95_ms(self) -> float:
        """Time that a hop of 80 ms needed, 95th percentile of the last 2 s; 0 before those."""
        return sorted(self._hops_ms)[_RANK] if len(self._hops_ms) == _REMEMBERED else 0.0

    def took(self, samples: int, ms: float) -> list[Event]:
        """So much sound took so much time: a WorkShed when something was given up, a WorkResumed when it is back."""
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
        p95_ms = self.p95_ms
        self._over = self._over + 1 if p95_ms > SHARE * HOP_MS else 0
        self._easy = self._easy + 1 if p95_ms <= EASE_SHARE * HOP_MS else 0
        if self._over >= PATIENCE_HOPS and self._pieces:
            return [self._give_up(p95_ms)]
        if self._given_up and self._easy >= self._given_up[-1].ease_hops:
            return [self._take_back()]
        return []

    def _give_up(self, p95_ms: float) -> Event:
        self._over = 0
        piece = self._pieces.popleft()
        piece.give_up()
        self._given_up.append(piece)
        return WorkShed(piece.name, round(p95_ms, 1))

    def _take_back(self) -> Event:
        self._easy = 0
        piece = self._given_up.pop()
        piece.take_back()
        piece.ease_hops = min(2 * piece.ease_hops, LONGEST_EASE_HOPS)
        self._pieces.appendleft(piece)
        return WorkResumed(piece.name)
