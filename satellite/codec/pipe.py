"""A pipe of bytes between threads."""

from __future__ import annotations

from collections.abc import Callable

from satellite.core.errors import InputEnded, Overflow
from satellite.core.waiting import Bell

LIMIT_BYTES = 8 * 1024 * 1024


class StreamBuffer:
    """Bytes go in without waiting, and come out in order, waited for.

    A bytearray that is read from its front gives memory back when it is half empty.

    Args:
        bell: the lock, and whom to wake.
        limit_bytes: how many may wait.
    """

    def __init__(self, bell: Bell | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._bell = bell or Bell()
        self._limit_bytes = limit_bytes
        self._bytes = bytearray()
        self._ended = False
        self._closed = False
        self._starving = False
        self._burst = False

    @property
    def waiting_bytes(self) -> int:
        """How many were pushed and not read."""
        return len(self._bytes)

    @property
    def ended(self) -> bool:
        """Nothing will come after what waits."""
        return self._ended

    @property
    def starving(self) -> bool:
        """A reader can do nothing with what waits: it needs more."""
        return self._starving

    @property
    def burst(self) -> bool:
        """A reader needed more than may wait."""
        return self._burst

    def push(self, data: bytes | bytearray | memoryview) -> None:
        """Add what is in any object that holds bytes; after `close` it is dropped.

        Raises:
            Overflow: too many would wait; nothing of `data` was taken.
            InputEnded: the end came before.
        """
        view = memoryview(data).cast("B")
        with self._bell:
            if self._ended:
                raise InputEnded("the end of the input came before these bytes")
            if self._closed:
                return
            if len(self._bytes) + len(view) > self._limit_bytes:
                self._burst = self._starving
                self._bell.ring()
                advice = "read first, then push again" if len(view) <= self._limit_bytes else "push smaller pieces"
                raise Overflow(
                    f"{len(self._bytes)} undecoded bytes wait, {len(view)} more would be above {self._limit_bytes}: "
                    f"{advice}"
                )
            self._bytes += view
            self._bell.ring()

    def end_input(self) -> None:
        """Nothing more will come. May be called again."""
        with self._bell:
            self._ended = True
            self._bell.ring()

    def close(self) -> None:
        """Nobody will read: what waits is dropped, readers wake with b"". May be called again."""
        with self._bell:
            self._closed = True
            self._bytes.clear()
            self._bell.ring()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, a negative size for all there are; waits for the first of them. b"" at the end."""
        with self._bell:
            if size:
                self._bell.wait(lambda: bool(self._bytes) or self._ended or self._closed)
            return self.take(size)

    def peek(self, size: int) -> bytes:
        """The first `size` bytes, left where they are; waits for all of them. Fewer at the end, or when it is burst."""
        with self._bell:
            self._starve(lambda: len(self._bytes) >= size)
            return bytes(self._bytes[:size])

    def wait_for_end(self) -> None:
        """Return when all is there, when it is burst, or when nobody wants it."""
        with self._bell:
            self._starve(lambda: False)

    def _starve(self, enough: Callable[[], bool]) -> None:
        self._starving = not enough()
        self._bell.ring()
        self._bell.wait(lambda: enough() or self._ended or self._closed or self._burst)
        self._starving = False

    def take(self, size: int) -> bytes:
        """Like `read`, without waiting. The caller holds the lock."""
        taken = bytes(self._bytes if size < 0 else self._bytes[:size])
        del self._bytes[: len(taken)]
        self._bell.ring()
        return taken

    def beginning(self, size: int, start: int = 0) -> bytes:
        """Like `peek`, from a place on, without waiting. The caller holds the lock."""
        return bytes(self._bytes[start : start + size])
