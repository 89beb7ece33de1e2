"""When a score is a wake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from satellite.core.audio import RATE_HZ
from satellite.detect.wakeword import HOP_SAMPLES, WakeModel

# From here on a word's score is rising. Where the model hesitates, the word was over when it began to.
RISING = 0.003


@dataclass(frozen=True, slots=True)
class Wake:
    """A wake word was heard.

    Attributes:
        at: sample at the end of the hop that fired.
        rising_at: end of the first of the hops before it in which the score was no longer 0; often `at`.
    """

    model: WakeModel
    score: float
    at: int
    rising_at: int


@dataclass(slots=True)
class _Word:
    model: WakeModel
    deaf_until: int = 0
    hops_over: int = 0
    rising_at: int | None = None

    def hear(self, score: float, threshold: float, at: int) -> None:
        self.hops_over = self.hops_over + 1 if score >= threshold else 0
        if score < RISING:
            self.rising_at = None
        elif self.rising_at is None:
            self.rising_at = at


class Trigger:
    """Turns scores into wakes: thresholds, a refractory time for each word, and doubt where sound is missing."""

    def __init__(self, models: Sequence[WakeModel]) -> None:
        self._words = [_Word(model) for model in models]
        self._doubt_until = 0

    def doubt(self, until: int) -> None:
        """Up to sample `until` a wake needs two hops that agree: a gap in the sound can look like anything."""
        self._doubt_until = until

    def hear(
        self, at: int, scores: Mapping[str, float], thresholds: Mapping[str, float], *, armed: bool
    ) -> Wake | None:
        """The scores of the hop that ends at sample `at`.

        Args:
            scores: of every word, by name.
            thresholds: by name; a word that is not in it has its model's.
            armed: a wake may be reported. Otherwise it passes unnoticed.

        Returns:
            The wake with the highest score, if there is one; the others are taken for the same utterance.
        """
        for word in self._words:
            word.hear(scores[word.model.name], thresholds.get(word.model.name, word.model.threshold), at)
        if not armed:
            return None
        agreeing = 2 if at <= self._doubt_until else 1
        heard = [word for word in self._words if word.hops_over >= agreeing and at > word.deaf_until]
        for word in heard:
            word.deaf_until = at + round(word.model.refractory_s * RATE_HZ)
        if not heard:
            return None
        best = max(heard, key=lambda word: scores[word.model.name])
        rising_at = at if best.rising_at is None else best.rising_at
        return Wake(best.model, scores[best.model.name], at, min(rising_at, at))


def doubt_after(gap_end: int) -> int:
    """How long a gap that ends at this sample is doubted: while the classifier still sees it, 16 hops."""
    return gap_end + 16 * HOP_SAMPLES
