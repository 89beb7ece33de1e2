"""Whether the microphone gives sound at all: one that is dead, or muted in hardware, gives the same value for ever."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from satellite.core.audio import RATE_HZ, Int16, seconds
from satellite.core.events import MicrophoneHeard, MicrophoneSilent

# A microphone that works has noise of its own: in the quietest room, too, its lowest bit moves many times a second.
NAMED_AFTER_S = 30
_NAMED_AFTER = NAMED_AFTER_S * RATE_HZ

Told: TypeAlias = MicrophoneSilent | MicrophoneHeard


class DigitalSilence:
    """Counts samples in a row that have the same value: zero, or a constant offset."""

    def __init__(self) -> None:
        self._value = np.int16(0)
        self._count = 0

    @property
    def seconds(self) -> float:
        """For how long it has been silent."""
        return seconds(self._count)

    def hear(self, samples: Int16, start: int) -> list[Told]:
        """Hear what came from the microphone, at most NAMED_AFTER_S at a time; `start`: index of the first sample."""
        edges = np.flatnonzero(np.diff(samples, prepend=self._value))
        if not len(edges):
            return self._still(len(samples), start)
        first = int(edges[0])
        told = self._still(first, start)
        if self._count >= _NAMED_AFTER:
            told.append(MicrophoneHeard(start + first, self.seconds))
        self._value, self._count = samples[-1], len(samples) - int(edges[-1])
        return told

    def _still(self, count: int, start: int) -> list[Told]:
        before, self._count = self._count, self._count + count
        return [MicrophoneSilent(start + _NAMED_AFTER - before)] if before < _NAMED_AFTER <= self._count else []
