"""Whether there is enough sound that it may be speech."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from satellite.core.audio import SILENCE_DBFS, Float32, Int16, samples_in
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.dsp.flatness import spectral_flatness
from satellite.dsp.level import FULL_SCALE, NoiseFloor
from satellite.listen.sensitivity import LEVELS, NORMAL

# In a room as loud as this, speech may rise less than the margin over the floor: there it stays open.
NOISY_DBFS = -42.0
# What is flatter is white noise: a tap, a fan that starts. Pink noise and hum are not: only their level shuts them out.
FLAT = 0.8
# The classifiers look back over 1.28 s: when it shuts, they see the room alone.
HOLD_MS = 1280
# The room's own noise goes up and down; over 96 ms it does so by less than the margin.
_SMOOTHED_WINDOWS = 3
_REMEMBERED = 16
# What can still be asked for, as far as sound is kept: 5.1 s.
_WINDOWS = 160
_FULL_POWER = FULL_SCALE**2
_MEAN_OF_FOUR = np.full(4, 0.25, np.float32)


@dataclass(slots=True)
class _Opening:
    begin: int
    end: int


class Gate:
    """Opens at the first window that is louder than the room and not flat, and shuts 1.28 s after the last such one.

    In a noisy room it is always open.

    It hears the sound before any gain, where voices are: around 1 kHz, against a noise floor that it follows there. In
    pink noise a voice stands out by 5 dB more there than in the whole band, and the noise goes up and down by a quarter
    as much. What it decided in the last seconds can be asked again, for windows of 512 samples.

    Attributes:
        margin_db: so much louder than the room a voice must be; may be changed.
        level_dbfs: of the last window, all frequencies.
    """

    def __init__(self, margin_db: float = LEVELS[NORMAL].gate_margin_db) -> None:
        self.margin_db = margin_db
        self.level_dbfs = SILENCE_DBFS
        self._floor, self._voice_floor = NoiseFloor(), NoiseFloor()
        self._hold = samples_in(HOLD_MS)
        self._powers: deque[float] = deque(maxlen=_SMOOTHED_WINDOWS)
        self._openings: deque[_Opening] = deque(maxlen=_REMEMBERED)
        self._excess_db = [0.0] * _WINDOWS

    @property
    def floor_dbfs(self) -> float:
        """Level of the room, all frequencies."""
        return self._floor.dbfs

    @property
    def open_until(self) -> int:
        """Sample at which it shuts, or has shut, as far as is known now."""
        return self._openings[-1].end if self._openings else 0

    def process(self, window: Int16, begin: int, frozen: bool) -> None:
        """Take the next window: int16, shape (512,), from sample `begin` on.

        Args:
            frozen: leave the floor as it is, because the speaker plays: its sound is not the room's.
        """
        sound = window.astype(np.float32)
        self.level_dbfs = _dbfs(float(sound @ sound) / len(window))
        self._powers.append(_voice_power(sound))
        voice_dbfs = _dbfs(sum(self._powers) / len(self._powers))
        if not frozen:
            self._floor.process(self.level_dbfs)
            self._voice_floor.process(voice_dbfs)
        excess_db = voice_dbfs - self._voice_floor.dbfs
        self._excess_db[begin // WINDOW_SAMPLES % _WINDOWS] = excess_db
        loud = excess_db >= self.margin_db
        if self.floor_dbfs >= NOISY_DBFS or (loud and spectral_flatness(window) < FLAT):
            self._open(begin, begin + len(window) + self._hold)

    def is_open(self, begin: int) -> bool:
        """Whether it was open for the window that begins at this sample, now or in the last seconds."""
        return any(opening.begin <= begin < opening.end for opening in reversed(self._openings))

    def excess_db(self, begin: int) -> float:
        """By how much voices were louder than the room up to the window, one of the last 160, that begins there."""
        return self._excess_db[begin // WINDOW_SAMPLES % _WINDOWS]

    def _open(self, begin: int, end: int) -> None:
        if self._openings and begin <= self._openings[-1].end:
            self._openings[-1].end = end
        else:
            self._openings.append(_Opening(begin, end))


def _voice_power(sound: Float32) -> float:
    """Mean square around 1 kHz: 6 dB less at 300 and 1,600 Hz, 12 dB at 150 Hz."""
    coarse = sound.reshape(-1, 4) @ _MEAN_OF_FOUR
    change = coarse[2:] - coarse[:-2]
    return float(change @ change) / len(change)


def _dbfs(power: float) -> float:
    return max(SILENCE_DBFS, 10 * math.log10(power / _FULL_POWER)) if power > 0 else SILENCE_DBFS
