"""A second look at what may be a wake word, where its confirmation asks for one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satellite.core.audio import RATE_HZ, Int16, samples_in
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.listen.preroll import RingBuffer
from satellite.listen.speech import SpeechTrack
from satellite.listen.trigger import Wake

# A wake word is somewhere in the last second; what is said before "hey" may be seen by the count of syllables.
_WORD = RATE_HZ // WINDOW_SAMPLES * WINDOW_SAMPLES
_SYLLABLES_IN = samples_in(1200)
# Vowels are strong here; s, breath and rumble are elsewhere.
_VOWELS_HZ = (200, 1200)
_STEP = samples_in(10)
# A syllable is a peak of the level, at most so much below the loudest; between two of them it is lower by 2 dB.
_WEAKEST_DB, _DIP_DB = 18.0, 2.0


class SecondLook:
    """Looks at the sound of a wake that has not been told yet.

    Args:
        ring: the sound, up to now.
        speech: used while no command is streamed.
        start: sample with which the first window of speech detection begins.
    """

    def __init__(self, ring: RingBuffer, speech: SpeechTrack, start: int) -> None:
        self._ring = ring
        self._speech = speech
        self._start = start

    def confirms(self, wake: Wake) -> bool:
        """Whether there is as much speech, and as many syllables, as the word's confirmation asks for."""
        asked = wake.model.confirmation
        if asked.syllables:
            begin = max(self._ring.oldest, wake.at - _SYLLABLES_IN)
            if syllables(self._ring.read(begin, wake.at)) < asked.syllables:
                return False
        return not asked.speech or self._speech_before(wake.at) >= asked.speech

    def _speech_before(self, at: int) -> float:
        """Highest probability of speech in the second up to sample `at`."""
        end = at - (at - self._start) % WINDOW_SAMPLES
        begin = max(self._start, end - _WORD)
        self._speech.restart()
        return max((self._speech.process(window) for window in range(begin, end, WINDOW_SAMPLES)), default=0.0)


def syllables(sound: Int16) -> int:
    """How many syllables are heard in int16 sound, shape (n,), of about a second.

    Steady noise that is less than 18 dB below the voice has peaks too: there it counts too many rather than too few.
    """
    count = len(sound) // _STEP * _STEP
    if count < _STEP:
        return 0
    spectrum = np.fft.rfft(sound[len(sound) - count :].astype(np.float64))
    low, high = (round(hz * count / RATE_HZ) for hz in _VOWELS_HZ)
    spectrum[:low] = spectrum[high:] = 0
    power = (np.fft.irfft(spectrum, count).reshape(-1, _STEP) ** 2).mean(axis=1)
    levels_db = 10 * np.log10(power + 1)
    smooth = np.convolve(np.pad(levels_db, 2, "edge"), np.ones(5) / 5, "valid")
    return _peaks(smooth.tolist())


def _peaks(levels_db: Sequence[float]) -> int:
    weakest = max(levels_db) - _WEAKEST_DB
    found, rising, turn = 0, True, levels_db[0]
    for level in levels_db:
        if rising == (level > turn):
            turn = level
        elif abs(level - turn) > _DIP_DB:
            found += rising and turn > weakest
            rising, turn = not rising, level
    return found + (rising and turn > weakest)
