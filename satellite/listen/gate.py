"""Whether there is enough sound that it may be speech."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from satellite.core.audio import samples_in
from satellite.dsp.level import NoiseFloor

MARGIN_DB = 8.0
# In a room as loud as this, speech may rise less than the margin over the floor: behind a shut gate one command in five
# was lost at 0 dB. There it stays open.
NOISY_DBFS = -55.0
HOLD_MS = 1200
_REMEMBERED = 16


@dataclass(slots=True)
class _Opening:
    begin: int
    end: int


class Gate:
    """Opens at the first block that is louder than the room, and stays open for 1.2 s after the last such block.

    In a noisy room it is always open.

    It hears the microphone's level before any gain, against a noise floor that it follows. What it decided in the last
    seconds can be asked again.
    """

    def __init__(self) -> None:
        self._floor = NoiseFloor()
        self._hold = samples_in(HOLD_MS)
        self._openings: deque[_Opening] = deque(maxlen=_REMEMBERED)

    @property
    def floor_dbfs(self) -> float:
        """Level of the room."""
        return self._floor.dbfs

    def process(self, level_dbfs: float, begin: int, end: int, frozen: bool) -> None:
        """Take the level of the next block, from sample `begin` up to `end`.

        Args:
            frozen: leave the floor as it is, because the speaker plays: its sound is not the room's.
        """
        floor_dbfs = self._floor.dbfs if frozen else self._floor.process(level_dbfs)
        if level_dbfs < floor_dbfs + MARGIN_DB and floor_dbfs < NOISY_DBFS:
            return
        if self._openings and begin <= self._openings[-1].end:
            self._openings[-1].end = end + self._hold
        else:
            self._openings.append(_Opening(begin, end + self._hold))

    def is_open(self, begin: int) -> bool:
        """Whether it was open for the block that begins at this sample, now or in the last seconds."""
        return any(opening.begin <= begin < opening.end for opening in reversed(self._openings))
