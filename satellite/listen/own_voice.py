"""Whether it was the satellite itself that said the wake word."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from satellite.core.audio import Int16, samples_in
from satellite.detect.engines import WakeEngine
from satellite.listen.trigger import Wake

# The words hear nothing before 1.28 s; then there is as much again for the word, and for an echo that is 0.6 s late.
LOOKED_BACK = samples_in(3_200)
# From where its score begins to rise to where its echo wakes: 0.6 s of delay, and as much again for an echo that is
# not clear, and for sound that is heard late because the words were resting. What was played before that is not it.
_LATEST = samples_in(1_800)
# Of the threshold. A word scores differently at the microphone and at the speaker: of 24 made words that woke it, the
# lowest had 0.15 there.
_SHARE = 0.1
# Played at a low volume, it is as clear as at a high one.
_PEAK = 12_000


class OwnVoice:
    """Listens to what was played just before, when a wake word was heard.

    This takes the engine through three seconds of sound at once, but only when a wake word was heard while, or shortly
    after, the speaker sounded.

    Args:
        fresh: gives a wake word engine that has heard nothing.
        played: gives the last samples that the speaker has played, shape (count,), zeros where it was silent.
    """

    def __init__(self, fresh: Callable[[], WakeEngine], played: Callable[[int], Int16]) -> None:
        self._fresh = fresh
        self._played = played

    def said(self, wake: Wake, threshold: float) -> bool:
        """The speaker has just played that word.

        Args:
            threshold: that the wake reached.
        """
        sound = self._played(LOOKED_BACK)
        if not sound.any():
            return False
        loud = np.rint(sound * (_PEAK / np.abs(sound.astype(np.int32)).max())).astype(np.int16)
        name, since, before = wake.model.name, len(sound) - _LATEST, False
        for one in self._fresh().process(loud):
            over = one.by_name[name] >= _SHARE * threshold
            if over and not before and one.at > since:
                return True
            before = over
        return False
