"""A level meter that lives in one line of a terminal, and traces drawn with letters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from satellite.core.audio import AudioFormat, samples_of
from satellite.dsp.channels import dbfs
from satellite.dsp.level import FULL_SCALE

LOWEST_DBFS = -80.0
# Where a voice should be, and where it should not.
GOOD_DBFS, LOUD_DBFS = -45.0, -6.0
_REFRESH_S = 1 / 15
_BAR = 32
_PEAK_FALL_DB = 1.0
_CLEAR = "\r\x1b[K"
_STEPS = " ▁▂▃▄▅▆▇█"
_PLAIN_STEPS = " .:-=+*#@"
_FULL, _EMPTY, _MARK = "█", "·", "▌"
_PLAIN_FULL, _PLAIN_EMPTY, _PLAIN_MARK = "#", ".", "|"


class Meter:
    """Shows how loud it is, 15 times a second of sound.

    Args:
        write: takes text at once, without a newline.
        form: of the sound.
        fancy: the terminal knows block letters.
    """

    def __init__(self, write: Callable[[str], object], form: AudioFormat, fancy: bool = True) -> None:
        self._write = write
        self._form = form
        self._fancy = fancy
        self._pending = bytearray()
        self._held_dbfs = LOWEST_DBFS

    def hear(self, pcm: bytes, note: str) -> None:
        """Show the level of more sound, with a note behind it."""
        self._pending += pcm
        if len(self._pending) < _REFRESH_S * self._form.second_bytes:
            return
        frames = samples_of(bytes(self._pending)).reshape(-1, self._form.channels).astype(np.float32)
        self._pending.clear()
        level_dbfs = dbfs(float(frames.std(axis=0).max()) / FULL_SCALE)
        peak_dbfs = dbfs(float(np.abs(frames).max()) / FULL_SCALE)
        self._held_dbfs = max(peak_dbfs, self._held_dbfs - _PEAK_FALL_DB)
        self._write(_CLEAR + meter_line(level_dbfs, self._held_dbfs, note, fancy=self._fancy))

    def clear(self) -> None:
        """Leave the line empty."""
        self._write(_CLEAR)


def meter_line(level_dbfs: float, peak_dbfs: float, note: str, *, fancy: bool = True) -> str:
    """A bar from -80 to 0 dBFS with a mark at the peak, the numbers, a word and a note."""
    full, empty, mark = (_FULL, _EMPTY, _MARK) if fancy else (_PLAIN_FULL, _PLAIN_EMPTY, _PLAIN_MARK)
    level, peak = _position(level_dbfs), _position(peak_dbfs)
    bar = "".join(full if place < level else mark if place == peak and peak > level else empty for place in range(_BAR))
    return f"[{bar}] {level_dbfs:6.1f} dBFS, peak {peak_dbfs:6.1f}  {_word(level_dbfs, peak_dbfs):<5}  {note}"


def sparkline(values: Sequence[float], columns: int, *, fancy: bool = True) -> str:
    """Values from 0 to 1 as a line of letters, the highest of each column."""
    steps = _STEPS if fancy else _PLAIN_STEPS
    if not len(values):
        return ""
    columns = min(columns, len(values))
    bounds = [round(column * len(values) / columns) for column in range(columns + 1)]
    tops = [max(values[begin:end]) for begin, end in pairwise(bounds)]
    return "".join(steps[min(len(steps) - 1, max(0, math.ceil(top * (len(steps) - 1) - 0.25)))] for top in tops)


def _position(value_dbfs: float) -> int:
    return max(0, min(_BAR - 1, round((value_dbfs - LOWEST_DBFS) / -LOWEST_DBFS * _BAR)))


def _word(level_dbfs: float, peak_dbfs: float) -> str:
    if peak_dbfs >= -0.1:
        return "CLIPS"
    if peak_dbfs >= LOUD_DBFS:
        return "loud"
    return "good" if level_dbfs >= GOOD_DBFS else "quiet"
