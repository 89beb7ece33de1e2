"""What waits to be sent to one peer: bounded, and short answers overtake queued sound."""

from __future__ import annotations

from collections import deque

# 40 s of WIRE_FORMAT in pieces of 16 ms, each with a head of less than 160 bytes.
SOUND_BYTES = 40 * (32_000 + 63 * 160)
OTHERS = 256
OTHERS_BYTES = 1024 * 1024


class Outbox:
    """Encoded events in two lanes: answers to ping and describe first, everything else in order.

    Args:
        sound_bytes: how much encoded microphone sound may wait.
        others: how many other events may wait, in both lanes together; of them at most OTHERS_BYTES.
    """

    def __init__(self, sound_bytes: int = SOUND_BYTES, others: int = OTHERS) -> None:
        self._sound_limit = sound_bytes
        self._others_limit = others
        self._urgent: deque[bytes] = deque()
        self._ordered: deque[tuple[bytes, bool]] = deque()
        self._sound_bytes = self._others = self._others_bytes = 0

    @property
    def queued_bytes(self) -> int:
        """How much waits."""
        return self._sound_bytes + self._others_bytes

    def put_sound(self, encoded: bytes) -> bool:
        """Queue an audio-chunk. False: there is no room, and it was not taken."""
        if self._sound_bytes + len(encoded) > self._sound_limit:
            return False
        self._sound_bytes += len(encoded)
        self._ordered.append((encoded, True))
        return True

    def put(self, encoded: bytes, *, urgent: bool = False) -> bool:
        """Queue any other event. False: there is no room, and it was not taken."""
        if self._others >= self._others_limit or self._others_bytes + len(encoded) > OTHERS_BYTES:
            return False
        self._others += 1
        self._others_bytes += len(encoded)
        if urgent:
            self._urgent.append(encoded)
        else:
            self._ordered.append((encoded, False))
        return True

    def take(self, at_least: int) -> bytes:
        """Whole events, the urgent ones first, until there are `at_least` bytes or nothing waits; b"" when empty."""
        events: list[bytes] = []
        size = 0
        while size < at_least and (encoded := self._next()):
            events.append(encoded)
            size += len(encoded)
        return b"".join(events)

    def _next(self) -> bytes:
        if self._urgent:
            return self._forget_other(self._urgent.popleft())
        if not self._ordered:
            return b""
        encoded, is_sound = self._ordered.popleft()
        if not is_sound:
            return self._forget_other(encoded)
        self._sound_bytes -= len(encoded)
        return encoded

    def _forget_other(self, encoded: bytes) -> bytes:
        self._others -= 1
        self._others_bytes -= len(encoded)
        return encoded
