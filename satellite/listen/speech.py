"""How likely each window of a command is speech."""

from __future__ import annotations

from satellite.detect.vad import WINDOW_SAMPLES, Silero
from satellite.listen.gate import Gate
from satellite.listen.preroll import RingBuffer

# Silero needs some sound before what it judges: 0.5 s.
PRIMING_WINDOWS = 16
_CERTAIN_DB = 18.0


class SpeechTrack:
    """Runs Silero over the sound of a command, only where the gate is open.

    Wherever it begins, and begins again after the gate was shut, it forgets what it heard and hears the half second
    before. The result is the same however late, and in whatever pieces, it is asked.

    Without Silero, loud is speech: probability 0.5 stands for 9 dB over the room.

    Args:
        vad: None: only the level counts, which costs nothing, and fails in noise.
        ring, gate: must reach back to what is asked.
    """

    def __init__(self, vad: Silero | None, ring: RingBuffer, gate: Gate) -> None:
        self._vad = vad
        self._by_level = False
        self._ring = ring
        self._gate = gate
        self._primed = False
        self.windows = 0

    def restart(self) -> None:
        """What is asked next does not follow what was asked last."""
        self._primed = False

    def judge_by_level(self, by_level: bool) -> None:
        """Whether it does without Silero from now on."""
        self._by_level, self._primed = by_level, False

    def process(self, begin: int) -> float:
        """Probability of speech in the window that begins at this sample; the windows must follow each other."""
        if not self._gate.is_open(begin):
            self._primed = False
            return 0.0
        if self._vad is None or self._by_level:
            self.windows += 1
            return min(1.0, max(0.0, self._gate.excess_db(begin) / _CERTAIN_DB))
        if not self._primed:
            self._prime(self._vad, begin)
        return self._probability(self._vad, begin)

    def _prime(self, vad: Silero, until: int) -> None:
        self._primed = True
        vad.reset()
        for begin in range(until - PRIMING_WINDOWS * WINDOW_SAMPLES, until, WINDOW_SAMPLES):
            if begin >= self._ring.oldest:
                self._probability(vad, begin)

    def _probability(self, vad: Silero, begin: int) -> float:
        self.windows += 1
        return vad.process(self._ring.read(begin, begin + WINDOW_SAMPLES))
