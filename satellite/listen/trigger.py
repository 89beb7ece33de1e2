"""When a score is a wake."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

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
    refused: bool = False
    hops_over: int = 0
    rising_at: int | None = None
    over: deque[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.over = deque(maxlen=self.model.confirmation.of)

    def hear(self, score: float, threshold: float, at: int) -> None:
        self.over.append(score >= threshold)
        self.hops_over = self.hops_over + 1 if score >= threshold else 0
        self.refused = self.refused and score >= threshold
        if score < RISING:
            self.rising_at = None
        elif self.rising_at is None:
            self.rising_at = at

    def agrees(self) -> bool:
        """Enough of the last hops were at the threshold, the newest one too, and it was not refused for that."""
        return self.over[-1] and not self.refused and sum(self.over) >= self.model.confirmation.agreeing

    def wake(self, score: float, at: int) -> Wake:
        return Wake(self.model, score, at, at if self.rising_at is None else min(self.rising_at, at))


def _always(_wake: Wake) -> bool:
    return True


class Trigger:
    """Turns scores into wakes: thresholds, a refractory time for each word, and doubt where sound is missing.

    Args:
        confirms: takes a second look; who is not confirmed is asked about again at the next hop.
    """

    def __init__(self, models: Sequence[WakeModel], confirms: Callable[[Wake], bool] = _always) -> None:
        self._confirms = confirms
        self._blindly = False
        self._words = [_Word(model) for model in models]
        self._doubt_until = 0

    def doubt(self, until: int) -> None:
        """Up to sample `until` a wake needs two hops that agree: a gap in the sound can look like anything."""
        self._doubt_until = until

    def believe(self, blindly: bool) -> None:
        """Whether a second look is left out."""
        self._blindly = blindly

    def refuse(self, wake: Wake) -> None:
        """It was not meant for us: its word is heard again as soon as its score has been below the threshold."""
        for word in self._words:
            if word.model is wake.model:
                word.deaf_until, word.refused = wake.at, True

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
        ripe = [word for word in self._words if word.hops_over >= agreeing and word.agrees() and at > word.deaf_until]
        heard = [wake for word in ripe if self._confirmed(wake := word.wake(scores[word.model.name], at))]
        for word in self._words:
            if any(wake.model is word.model for wake in heard):
                word.deaf_until = at + round(word.model.refractory_s * RATE_HZ)
        return max(heard, key=lambda wake: wake.score, default=None)

    def _confirmed(self, wake: Wake) -> bool:
        return self._blindly or self._confirms(wake)


def doubt_after(gap_end: int) -> int:
    """How long a gap that ends at this sample is doubted: while the classifier still sees it, 16 hops."""
    return gap_end + 16 * HOP_SAMPLES
