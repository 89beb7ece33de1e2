"""What takes an echo out of 10 ms of sound: one interface, two libraries, of which a device may have none."""

from __future__ import annotations

from typing import Protocol

from satellite.core.audio import Int16
from satellite.core.errors import EchoFailed
from satellite.dsp import speex, webrtc

# 6 dB, over a power that is next to nothing; for so many blocks; and so often, with no good minute in between.
_LOUDER, _FAINT = 4.0, 100.0**2
_PATIENCE, _RESETS = 50, 3
_GOOD = 6_000


class Canceller(Protocol):
    """Works on blocks of 10 ms; it keeps what it learned of the room from one sound to the next."""

    block: int
    """Samples in 10 ms."""

    def process(self, near: Int16, far: Int16) -> Int16:
        """The block before, without its echo: what comes out is one block late.

        Args:
            near: what the microphone heard, int16 of shape (block,).
            far: what was played, some 10 ms before its echo in `near`; shape (block,).

        Raises:
            EchoFailed: the library did not do it.
            ValueError: a block has another size.
        """

    def reset(self) -> None:
        """Forget the room."""


def missing(aec: str) -> str:
    """Why `microphone.aec` cannot be this, and what to do; empty: it can."""
    return {"speex": speex.missing, "webrtc": webrtc.missing}.get(aec, str)()


def open_canceller(aec: str) -> Canceller:
    """The one of this name at 16 kHz: "speex" or "webrtc"; "auto" is "speex".

    Raises:
        EngineMissing: its library is not installed, or gives none.
    """
    return webrtc.EchoCanceller() if aec == "webrtc" else speex.SpeexCanceller()


class Sanity:
    """Notices a canceller that adds sound where it should take some away."""

    def __init__(self) -> None:
        self._louder = self._resets = self._since = 0

    def louder(self, heard: float, left: float) -> bool:
        """Whether it did so for half a second, and should forget the room; by the powers of a block, before and after.

        Raises:
            EchoFailed: that did not help, three times.
        """
        self._since += 1
        self._louder = self._louder + 1 if left > _LOUDER * heard + _FAINT else max(0, self._louder - 1)
        if self._louder < _PATIENCE:
            return False
        resets = 0 if self._since > _GOOD else self._resets
        self._louder, self._since, self._resets = 0, 0, resets + 1
        if self._resets > _RESETS:
            raise EchoFailed("what comes out of it is louder than what goes in")
        return True
