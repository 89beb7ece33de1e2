"""The seams between the centre and the world: what a microphone and a speaker must be able to do."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from satellite.core.audio import AudioFormat


class Captured(NamedTuple):
    """What one read gave.

    Attributes:
        pcm: whole sample frames in the source's format, any number of them; empty when nothing is there yet.
        overrun: sound was lost before `pcm`; how much is not known.
    """

    pcm: bytes
    overrun: bool = False


class Source(Protocol):
    """An open microphone. Used and closed by the thread that opened it."""

    @property
    def format(self) -> AudioFormat:
        """What it really delivers, whatever was asked."""

    @property
    def period_s(self) -> float:
        """How long it takes to deliver one period; the capture thread waits half of it between empty reads."""

    @property
    def buffer_s(self) -> float:
        """How much sound it holds for who reads late, before any is lost."""

    @property
    def first_sound_s(self) -> float:
        """How long its first sound may take after the open: a program may have to start, or to connect, first."""

    @property
    def description(self) -> str:
        """For the log: the device and what it granted."""

    def read(self) -> Captured:
        """What has come since the last read; never waits.

        Raises:
            DeviceLost: it failed or went away; close it.
            EOFError: a finite source is exhausted.
        """

    def close(self) -> None:
        """Let go of the device. Twice is harmless."""


class Sink(Protocol):
    """An open speaker. Used and closed by the thread that opened it."""

    @property
    def format(self) -> AudioFormat:
        """What it plays; 16-bit."""

    @property
    def period_frames(self) -> int:
        """Best size of one write, in frames."""

    @property
    def description(self) -> str:
        """For the log: the device and what it granted."""

    @property
    def underruns(self) -> int:
        """How often it ran dry."""

    @property
    def may_hang(self) -> bool:
        """A write may never return; otherwise it gives up by itself and raises DeviceLost, however long it took."""

    def write(self, pcm: bytes) -> None:
        """Queue whole frames, waiting until there is room. After an underrun the same bytes are written again.

        Raises:
            DeviceLost: it failed or went away; close it.
        """

    def give_up(self) -> None:
        """A write that gives up by itself does so now; one that may hang is left alone. From any thread."""

    def queued_frames(self) -> int:
        """How many frames that were written have not been heard yet.

        Raises:
            DeviceLost: it failed or went away; close it.
        """

    def drop(self) -> None:
        """Be silent now: what is queued is thrown away; the next write plays at once."""

    def drain(self) -> None:
        """Wait until all that was written has been heard, then rest; the next write starts anew."""

    def close(self) -> None:
        """Let go of the device without waiting. Twice is harmless."""
