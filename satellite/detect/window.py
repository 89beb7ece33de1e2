"""The last rows of a table that grows."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import Float32


class Window:
    """The last `length` rows of a table that grows at its end, contiguous, without moving them at every push.

    Args:
        width: of a row.
        fill: what it is full of in the beginning.
    """

    def __init__(self, length: int, width: int, fill: float) -> None:
        self._length = length
        self._rows = np.full((4 * length, width), fill, np.float32)
        self._end = length

    def push(self, rows: Float32) -> Float32:
        """Append rows, fewer than `length`, or one of shape (width,); the last `length`, valid until the next push."""
        count = 1 if rows.ndim == 1 else len(rows)
        if self._end + count > len(self._rows):
            self._rows[: self._length] = self._rows[self._end - self._length : self._end]
            self._end = self._length
        self._rows[self._end : self._end + count] = rows
        self._end += count
        return self._rows[self._end - self._length : self._end]
