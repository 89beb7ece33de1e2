"""What is said before the wake word has faded: a short command without a pause."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import Float32, Int16, samples_in

# Of 549 wake words alone, in quiet and in 10 dB of noise, 98 % stay below: docs/performance.md, section Endings.
_SAID = samples_in(500)
_STEP = samples_in(10)
# A voice is at most 15 dB below the loudest of the wake word, and 6 dB above the quietest tenth of what was before it.
_BELOW, _ABOVE = 10**1.5, 10**0.6
_MEAN_OF_FOUR = np.full(4, 0.25, np.float32)


def said(sound: Int16, hop: int, since: int) -> bool:
    """Whether a command was said after the wake word, with no pause that Silero would have heard.

    Silero holds on to a wake word for about as long as a short command lasts, so it cannot tell the two apart; nor can
    the level, where the word's last vowel is long. Both together can: the voice after the word, and the time from the
    hop that fired to the first window that is no speech.

    Args:
        sound, hop, since: as of `voiced`; the sound ends with that window.
    """
    return voiced(sound, hop, since) + len(sound) - hop >= _SAID


def voiced(sound: Int16, hop: int, since: int) -> int:
    """How many samples from `since` on are as loud as the wake word was, where voices are.

    Args:
        sound: int16, shape (n,), from about a second before the hop that fired up to now.
        hop: where that hop ends; not 0.
        since: where the wake word ended.
    """
    powers = _powers(sound[: len(sound) // _STEP * _STEP].astype(np.float32))
    word = powers[: hop // _STEP]
    least = max(float(word.max()) / _BELOW, float(np.percentile(word, 10)) * _ABOVE)
    return int((powers[since // _STEP :] > least).sum()) * _STEP


def _powers(sound: Float32) -> Float32:
    """Mean square around 1 kHz of the 30 ms around each 10 ms, as the gate hears it."""
    coarse = sound.reshape(-1, 4) @ _MEAN_OF_FOUR
    change = np.diff(coarse, prepend=coarse[:1])
    change[1:] += change[:-1].copy()
    steps = change.reshape(-1, _STEP // 4)
    power = np.pad(np.einsum("ij,ij->i", steps, steps), 1, "edge") / np.float32(len(steps[0]))
    return ((power[:-2] + power[1:-1] + power[2:]) / 3).astype(np.float32)
