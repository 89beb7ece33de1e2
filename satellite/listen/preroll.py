"""The last seconds of sound, by sample index."""

from __future__ import annotations

import numpy as np

from satellite.core.audio import Int16


class RingBuffer:
    """The last `capacity` int16 samples of a stream; older ones are overwritten.

    Every sample keeps its index, counted from `start`. What was never written reads as zeros.

    Attributes:
        end: index one past the newest sample.
    """

    def __init__(self, capacity: int, start: int = 0) -> None:
        self.end = start
        self._sound = np.zeros(capacity, np.int16)

    @property
    def oldest(self) -> int:
        """The lowest index that can still be read."""
        return self.end - len(self._sound)

    def append(self, samples: Int16) -> None:
        """Add int16 samples, shape (n,), any number of them."""
        kept = samples[max(0, len(samples) - len(self._sound)) :]
        self.end += len(samples)
        at = (self.end - len(kept)) % len(self._sound)
        until_wrap = len(self._sound) - at
        self._sound[at : at + len(kept)] = kept[:until_wrap]
        if len(kept) > until_wrap:
            self._sound[: len(kept) - until_wrap] = kept[until_wrap:]

    def skip(self, count: int) -> None:
        """As if `count` zeros had been appended, at no more cost than filling the buffer."""
        self.end += count - min(count, len(self._sound))
        self.append(np.zeros(min(count, len(self._sound)), np.int16))

    def read(self, start: int, end: int) -> Int16:
        """A copy of the samples from `start` up to `end`.

        Raises:
            IndexError: they are no longer, or not yet, there.
        """
        if not self.oldest <= start <= end <= self.end:
            raise IndexError(f"samples {start} to {end} were asked for; {self.oldest} to {self.end} are there")
        at, until = start % len(self._sound), start % len(self._sound) + end - start
        if until <= len(self._sound):
            return self._sound[at:until].copy()
        return np.concatenate((self._sound[at:], self._sound[: until - len(self._sound)]))

    def silence(self) -> None:
        """Replace everything by zeros; the indexes stay."""
        self._sound[:] = 0
