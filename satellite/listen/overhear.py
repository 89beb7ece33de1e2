"""What was heard around a wake word, and around what was nearly taken for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from satellite.core.audio import RATE_HZ
from satellite.core.effects import Keep
from satellite.core.events import Overheard
from satellite.listen.preroll import RingBuffer
from satellite.listen.trigger import Wake

# 2 s: the word is before the hop that fires, and its end may be after it.
BEFORE = round(1.5 * RATE_HZ)
AFTER = round(0.5 * RATE_HZ)
# From this share of its threshold on, a score that did not fire is a near miss.
NEAR = 0.5
# A score may dip on its way up to a wake, and between two syllables: what is closer together is one utterance.
TOGETHER = round(0.8 * RATE_HZ)
# The scores of a word that was heard go on for a while; and who says it again at once is not misunderstood.
_AFTER_A_WAKE = 2 * RATE_HZ
_WAITING = 8


@dataclass(frozen=True, slots=True)
class _Peak:
    """`at`: end of its hop; `near_at`: of the last hop so far that was near."""

    score: float
    threshold: float
    at: int
    near_at: int


class Overhearing:
    """Finds near misses, and cuts them and the wakes out of the ring when their sound is there.

    Args:
        ring: the sound, up to now.
    """

    def __init__(self, ring: RingBuffer) -> None:
        self.near_misses = 0
        """So far, whether their sound was wanted or not."""
        self._ring = ring
        self._peaks: dict[str, _Peak] = {}
        self._quiet_until = ring.end
        self._waiting: deque[Overheard] = deque(maxlen=_WAITING)

    def hear(self, at: int, scores: Mapping[str, float], thresholds: Mapping[str, float], keep: Keep) -> None:
        """The scores of the hop that ends at sample `at`, none of which fired while waiting for a wake word."""
        for name, score in scores.items():
            threshold = thresholds[name]
            peak = self._peaks.get(name)
            if at > self._quiet_until and score >= NEAR * threshold:
                best = replace(peak, near_at=at) if peak else _Peak(score, threshold, at, at)
                self._peaks[name] = best if best.score >= score else _Peak(score, threshold, at, at)
            elif peak and at - peak.near_at >= TOGETHER:
                del self._peaks[name]
                self._missed(name, peak, keep)

    def heard(self, wake: Wake, threshold: float, keep: Keep) -> None:
        """This one fired."""
        self._peaks.clear()
        self._quiet_until = wake.at + _AFTER_A_WAKE
        if keep.wakes:
            self._waiting.append(Overheard("wake", wake.model.name, wake.score, threshold, wake.at))

    def busy(self, at: int) -> None:
        """Nobody waits for a wake word at sample `at`: what looks like one is the command."""
        self._peaks.clear()
        self._quiet_until = max(self._quiet_until, at)

    def _missed(self, name: str, peak: _Peak, keep: Keep) -> None:
        self.near_misses += 1
        if keep.near_misses:
            self._waiting.append(Overheard("near miss", name, peak.score, peak.threshold, peak.at))

    def ready(self) -> list[Overheard]:
        """Those whose sound is there by now, oldest first."""
        done = []
        while self._waiting and self._waiting[0].at + AFTER <= self._ring.end:
            one = self._waiting.popleft()
            begin = max(one.at - BEFORE, self._ring.oldest)
            done.append(replace(one, start=begin, pcm=self._ring.read(begin, one.at + AFTER).tobytes()))
        return done

    def forget(self) -> None:
        """The microphone was muted: nothing is kept of what was said before either."""
        self._peaks.clear()
        self._waiting.clear()
