"""Where the wake word ended and the command may begin.

A model fires some time before or after the end of its word, and a person may go straight on. No millisecond of the
command may be lost, so the sound is kept from the earliest place where the word can have ended; only a dip in the sound
is trusted to be the end itself. There are dips inside a word, too: an s is weak, but not in its high frequencies, and a
stop consonant is silent, but for less than 40 ms. The end is low at all frequencies for 40 ms.

Measured on 98 real "alexa" joined to 9 commands with gaps of 0, 0.1, 0.3, 1, 2 and 4 s: no command was cut, the rest
of the word was 78 ms at the median and 240 ms at the 95th percentile, and the place was known 40 ms (median) after the
hop. In a larger run (19 commands, 6,859 joins) three were cut, where the word was hardly recognised (score below 0.57).
The quietest 30 ms around the hop, instead, cut one command in twelve by up to 500 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from satellite.core.audio import RATE_HZ, Int16, samples_in
from satellite.detect.microwakeword import MicroModel
from satellite.listen.trigger import Wake

# How far back the loudest sound is looked for, of which a dip is measured.
LOOK_BACK = RATE_HZ
_STEP = samples_in(10)
_SMOOTHED_STEPS = 3
_DIP = _STEP * (_SMOOTHED_STEPS + 1)
# Below the loudest so far, as ratios of power: 10 dB for the sound, 14 dB for its high frequencies.
_DIP_RATIO, _HIGH_DIP_RATIO = np.float32(10**1.0), np.float32(10**1.4)
# A model that hesitates fires late; when it began to, the word was over for 60 ms at most. It is believed for 800 ms.
_HESITATION = samples_in(60)
_LONGEST_HESITATION = samples_in(800)


@dataclass(frozen=True, slots=True)
class Lag:
    """When a word may have ended, seen from the hop that fires: from `late_ms` before it to `early_ms` after it."""

    late_ms: int
    early_ms: int


# Measured: alexa is recognised by "alex" and fires up to 250 ms before the word's end, hey_mycroft up to 280 ms after
# it. A word that was not measured may be either.
LAGS: Mapping[str, Lag] = MappingProxyType({"alexa": Lag(late_ms=70, early_ms=250)})
ANY_LAG = Lag(late_ms=350, early_ms=120)
# The mean of five answers, 30 ms apart, comes later. Of 965 joins of "alexa" none was cut; with 400 ms one was.
MICRO_LAG = Lag(late_ms=450, early_ms=120)


def earliest_end(wake: Wake) -> int:
    """The earliest sample at which the word can have ended."""
    rising_at = max(wake.rising_at, wake.at - _LONGEST_HESITATION)
    return min(wake.at - samples_in(_lag(wake).late_ms), rising_at - _HESITATION)


def word_end(wake: Wake, begin: int, sound: Int16) -> int | None:
    """The sample from which the sound is kept, or None: more sound is needed.

    Args:
        wake: which word, and where it fired.
        begin: sample at which `sound` begins: `wake.at - LOOK_BACK`, or later when nothing older is there.
        sound: int16, shape (n,), up to now.
    """
    earliest = max(begin, earliest_end(wake))
    latest = wake.at + samples_in(_lag(wake).early_ms)
    dip = _first_dip(sound[: max(0, latest - begin)], -(-(earliest - begin) // _STEP))
    if dip is not None:
        return begin + dip * _STEP
    return earliest if begin + len(sound) >= latest else None


def _lag(wake: Wake) -> Lag:
    return LAGS.get(wake.model.name, MICRO_LAG if isinstance(wake.model, MicroModel) else ANY_LAG)


def _first_dip(sound: Int16, first: int) -> int | None:
    """The first step, from `first` on, at which the sound is low in both bands for 40 ms."""
    if len(sound) < _DIP:
        return None
    wide = sound[: len(sound) // _STEP * _STEP].astype(np.float32)
    high = np.diff(wide, prepend=wide[:1])
    low = _low(wide, _DIP_RATIO) & _low(high, _HIGH_DIP_RATIO)
    dips = np.flatnonzero(low[first:-1] & low[first + 1 :])
    return first + int(dips[0]) if len(dips) else None


def _low(band: npt.NDArray[np.float32], ratio: np.float32) -> npt.NDArray[np.bool_]:
    """Whether the 30 ms from each step on are that much weaker than the loudest before."""
    steps = band.reshape(-1, _STEP)
    power = np.einsum("ij,ij->i", steps, steps) / np.float32(_STEP)
    smooth = (power[:-2] + power[1:-1] + power[2:]) / np.float32(_SMOOTHED_STEPS) + np.float32(1)
    low: npt.NDArray[np.bool_] = smooth * ratio <= np.maximum.accumulate(smooth)
    return low
