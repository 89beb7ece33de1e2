"""Where the wake word ended and the command may begin.

A model fires some time before or after the end of its word, and a person may go straight on. No millisecond of the
command may be lost, so the sound is kept from the earliest place where the word can have ended; only a dip in the sound
is trusted to be the end itself: 40 ms that are low in all frequencies, measured by the loudest sound before the hop, or
no louder than the room. There are dips inside a word, too: a stop consonant is silent, but mostly shorter; an s may be
weaker than any vowel, but then its high frequencies are as strong as the whole of it.

Measured on 98 real "alexa" with 9 commands and gaps of 0, 0.1, 0.3, 1, 2 and 4 s, 5,292 joins: no command was cut, the
rest of the word was 95 ms at the median and at most 225 ms at the 95th percentile of each gap. Of 1,826 joins with 257
other commands, most of them real, none was cut. Constants chosen on half of the words gave, on the other half, up to
245 ms in 11 of 12 divisions (313 in one), and cut 2 to 4 commands in 5 of them. With white or pink noise mixed in,
20 dB below the word, none of 573 commands at gap 0 was cut and the rest was up to 270 ms; at 10 dB 3 of 537 were, and
it was 335 ms.

"hey_jarvis": of two real recordings the model hears one. On 55 real "jarvis", each with three real "hey" of others, it
fires from 250 ms before the word's end to 290 ms after it (1st to 99th percentile; 446 ms at most), on 65 voices of
espeak-ng and flite from 45 ms before to 475 ms after it. No command was cut by the real words (1,208 joins), 5 of 269
at gap 0 by the made ones; the rest of the word is long: 350 and 260 ms at the median, 526 and 365 at the 95th
percentile. "hey_rhasspy" fires from 210 ms before to 220 ms after the end of 43 made words, "hey_mycroft" from 115 ms
before to 50 ms after that of the two real ones there are: no command of 193 and 50 was cut. That is too little to
shorten their lags by: both are treated as any word of one's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from satellite.core.audio import RATE_HZ, Int16, samples_in
from satellite.detect.microwakeword import MicroModel
from satellite.detect.wakeword import WakeModel
from satellite.listen.trigger import Wake

# How far back the loudest and the quietest sound are looked for, of which a dip is measured.
LOOK_BACK = RATE_HZ
_STEP = samples_in(10)
_SMOOTHED_STEPS = 3
_DIP = _STEP * (_SMOOTHED_STEPS + 1)
# When a model began to hesitate, the word was over for so long at most; it is believed for 800 ms.
_HESITATION, _UNSURE_HESITATION = samples_in(60), samples_in(100)
_LONGEST_HESITATION = samples_in(800)
_SURE = 0.9


def _ratio(db: float) -> np.float32:
    """Of power."""
    return np.float32(10 ** (db / 10))


# Below the loudest, the sound and its high frequencies; above the quietest, what is no more than the room.
_DIP_RATIO, _HIGH_DIP_RATIO, _ROOM_RATIO = _ratio(8), _ratio(10), _ratio(3)
# In a word with an s the high frequencies must be lower; where they are about as strong as the whole, much lower.
_NO_S_RATIO, _HISS_RATIO, _HUSHED_RATIO = _ratio(12), _ratio(-3), _ratio(22)


@dataclass(frozen=True, slots=True)
class Lag:
    """When a word may have ended, seen from the hop that fires: from `late_ms` before it to `early_ms` after it.

    A model that hesitates fires late: then the word ended at most 60 ms before the first hop whose score was no longer
    0, or 100 ms where the score stays below 0.9.

    Attributes:
        hisses: there is an s inside the word and none at its end, so that a weak hiss is not the end.
    """

    late_ms: int
    early_ms: int
    hisses: bool = False


# alexa is recognised by "alex"; its last vowel may be long.
LAGS: Mapping[str, Lag] = MappingProxyType({"alexa": Lag(late_ms=70, early_ms=250, hisses=True)})
# For hey_jarvis and whatever was measured less.
ANY_LAG = Lag(late_ms=350, early_ms=120)
# The mean of five answers, 30 ms apart, comes later. Of 965 joins of "alexa" none was cut; with 400 ms one was.
MICRO_LAG = Lag(late_ms=450, early_ms=120)


# openWakeWord's service, and no other, names its models so.
_OF_OPENWAKEWORD = re.compile(r"(.+)_v[0-9.]+")


def heard_elsewhere(name: str, at: int) -> Wake:
    """A wake word that a service heard in the sound up to sample `at`: of openWakeWord, or of any other engine."""
    model = _OF_OPENWAKEWORD.fullmatch(name)
    return Wake(WakeModel(model[1], Path(), name) if model else MicroModel(name, Path(), name), 1.0, at, at)


def earliest_end(wake: Wake) -> int:
    """The earliest sample at which the word can have ended."""
    rising_at = max(wake.rising_at, wake.at - _LONGEST_HESITATION)
    hesitation = _HESITATION if wake.score >= _SURE else _UNSURE_HESITATION
    return min(wake.at - samples_in(_lag(wake).late_ms), rising_at - hesitation)


def certain_end(wake: Wake, found: int) -> int:
    """The sample from which on a voice is no longer the wake word's, where its end was found at sample `found`.

    Of words that were measured less the rest may be long: they are over some time after the hop.
    """
    return found if wake.model.name in LAGS else max(found, wake.at + samples_in(_lag(wake).early_ms))


def word_end(wake: Wake, begin: int, sound: Int16) -> int | None:
    """The sample from which the sound is kept, or None: more sound is needed.

    Args:
        wake: which word, and where it fired.
        begin: sample at which `sound` begins: `wake.at - LOOK_BACK`, or later when nothing older is there.
        sound: int16, shape (n,), up to now.
    """
    earliest = max(begin, earliest_end(wake))
    lag = _lag(wake)
    latest = wake.at + samples_in(lag.early_ms)
    dips = _dips(sound[: max(0, latest - begin)], wake.at - begin, hisses=lag.hisses)
    after = dips[dips * _STEP >= earliest - begin]
    if len(after):
        return begin + int(after[0]) * _STEP
    return earliest if begin + len(sound) >= latest else None


def _lag(wake: Wake) -> Lag:
    return MICRO_LAG if isinstance(wake.model, MicroModel) else LAGS.get(wake.model.name, ANY_LAG)


def _dips(sound: Int16, hop: int, *, hisses: bool) -> npt.NDArray[np.intp]:
    """The steps at which the sound is low for 40 ms; `hop`: samples up to the hop that fired."""
    if len(sound) < _DIP:
        return np.empty(0, np.intp)
    wide = sound[: len(sound) // _STEP * _STEP].astype(np.float32)
    sounds = _Band.of(wide, hop)
    highs = _Band.of(np.diff(wide, prepend=wide[:1]), hop)
    low = sounds.low(_DIP_RATIO) & highs.low(_HIGH_DIP_RATIO)
    if hisses:
        low &= highs.low(_NO_S_RATIO) & ((highs.power <= sounds.power * _HISS_RATIO) | highs.low(_HUSHED_RATIO))
    return np.flatnonzero(low[:-1] & low[1:])


class _Band(NamedTuple):
    """The power of the 30 ms from each step on; the loudest so far and the quietest of all, up to the hop that fired.

    What follows the hop may be the command: its own loud sounds would make dips of its weaker ones.
    """

    power: npt.NDArray[np.float32]
    loudest: npt.NDArray[np.float32]
    quietest: np.float32

    @classmethod
    def of(cls, band: npt.NDArray[np.float32], hop: int) -> _Band:
        """Of float32 samples of int16 size, shape (n * _STEP,)."""
        steps = band.reshape(-1, _STEP)
        power = np.einsum("ij,ij->i", steps, steps) / np.float32(_STEP)
        smooth = (power[:-2] + power[1:-1] + power[2:]) / np.float32(_SMOOTHED_STEPS) + np.float32(1)
        known = max(1, hop // _STEP - _SMOOTHED_STEPS + 1)
        loudest = np.maximum.accumulate(smooth[:known])
        return cls(smooth, np.pad(loudest, (0, len(smooth) - len(loudest)), "edge"), smooth[:known].min())

    def low(self, ratio: np.float32) -> npt.NDArray[np.bool_]:
        """Whether it is that much weaker than the loudest, or no louder than the room."""
        return (self.power * ratio <= self.loudest) | (self.power <= self.quietest * _ROOM_RATIO)
