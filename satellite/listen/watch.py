"""The wake words, listened for only where there is something to hear."""

from __future__ import annotations

from satellite.detect.engines import WakeEngine
from satellite.detect.wakeword import HOP_SAMPLES, Scores
from satellite.listen.gate import Gate
from satellite.listen.preroll import RingBuffer

# So much from before it opened is heard: the word has its beginning, and the classifier little of what was before the
# rest. All of it is caught up with within 0.5 s, before a word is over.
PREROLL_HOPS = 12
# What was held back is caught up with so fast: a small board must still do it within a hop.
REPLAYED_HOPS = 2


class WakeWatch:
    """Runs the wake words over the ring, hop by hop. While the gate is shut they rest, once they are warm.

    When it opens, they hear what came just before, at most two held hops with each that is new.

    Args:
        gate: None: they never rest.
        start: sample with which the first hop begins; the ring's end.

    Attributes:
        rested: samples that they did not hear.
    """

    def __init__(self, words: WakeEngine, ring: RingBuffer, gate: Gate | None, start: int) -> None:
        self._words = words
        self._ring = ring
        self._gate = gate
        self._next = self._start = start
        self._warm = False
        self.rested = 0

    def spare(self, count: int) -> None:
        """Whole hops that are nothing but a gap were skipped in the ring."""
        self._skip(count)

    def advance(self) -> list[Scores]:
        """The ring has got another whole hop: the scores of what is heard now, `at` counted as the ring counts."""
        if self._gate and self._warm and self._gate.open_until <= self._ring.end - HOP_SAMPLES:
            self._skip(max(0, self._ring.end - self._next - PREROLL_HOPS * HOP_SAMPLES))
            return []
        scores: list[Scores] = []
        for _ in range(1 + REPLAYED_HOPS):
            if self._next == self._ring.end:
                break
            scores += self._hear()
        self._warm = self._warm or bool(scores)
        return scores

    def _hear(self) -> list[Scores]:
        hop = self._ring.read(self._next, self._next + HOP_SAMPLES)
        self._next += HOP_SAMPLES
        return [Scores(self._start + self.rested + at, by_name) for at, by_name in self._words.process(hop)]

    def _skip(self, count: int) -> None:
        self._next += count
        self.rested += count
