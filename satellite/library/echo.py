"""What is played into the room of a microphone, and what takes it out of what the microphone hears."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from satellite.core.audio import AudioFormat
from satellite.core.errors import AlreadyRunning
from satellite.device.pacing import PlayClock
from satellite.dsp.echo import EchoCanceller, EchoStatistics
from satellite.dsp.reference import Reference
from satellite.dsp.speex import SpeexCanceller
from satellite.library.settings import InputSettings

# What is pushed may lie so far ahead of what is heard.
_AHEAD_S = 2.0
# What is pushed is dated so much later: pushes that come late by less are in time, and it is there before its echo.
_CUSHION_S = 0.1


class Player(Protocol):
    """A speaker."""

    @property
    def is_open(self) -> bool:
        """It plays, or may at any moment."""


class Echo:
    """One microphone's echo. Its reference has one source: a speaker, or what is pushed.

    Args:
        settings: the microphone's rate, and how to cancel.
        clock: seconds, of the sound that is heard; what is pushed is dated by it.

    Raises:
        EngineMissing: SpeexDSP is not installed.
    """

    def __init__(self, settings: InputSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.reference = Reference(settings.sample_rate)
        speex = SpeexCanceller(settings.sample_rate, settings.aec_tail_ms, suppress=settings.aec_suppression)
        self.canceller = EchoCanceller(self.reference, speex)
        self._clock = clock
        self._play: PlayClock | None = None
        self._form: AudioFormat | None = None
        self._speaker: weakref.ref[Player] | None = None
        self._refused_s = 0.0

    def claim(self, speaker: Player) -> Reference:
        """What this speaker is to fill from now on. Raises AlreadyRunning when something else does."""
        if self._speaker_is_open() or (self._play and self._play.queued):
            raise AlreadyRunning("the microphone of heard_by is told by something else what is played: one at a time")
        self._speaker = weakref.ref(speaker)
        return self.reference

    def push(self, pcm: bytes, form: AudioFormat) -> None:
        """This is played now, or after what was pushed before. More than 2 s ahead it counts as silence.

        Raises:
            AlreadyRunning: a speaker is open that tells what it plays.
        """
        if self._speaker_is_open():
            raise AlreadyRunning("a speaker tells this microphone what is played: nothing is to be pushed beside it")
        if self._play is None or form != self._form:
            self._play, self._form = PlayClock(form.rate_hz, self._clock), form
        if not self._play.queued:
            self._play.wrote(round(_CUSHION_S * form.rate_hz))
        before, frames = self._play.queued, len(pcm) // form.frame_bytes
        kept = min(frames, max(0, round((_AHEAD_S + _CUSHION_S) * form.rate_hz) - before))
        self._play.wrote(frames)
        self._refused_s += (frames - kept) / form.rate_hz
        if kept:
            self.reference.wrote(pcm[: kept * form.frame_bytes], form, before + kept, self._clock())

    def statistics(self) -> EchoStatistics:
        """What the canceller does; what was pushed too far ahead was dropped."""
        told = self.canceller.statistics()
        late_ms = _CUSHION_S * 1000 if self._play else 0.0
        delay_ms = None if told.delay_ms is None else told.delay_ms + late_ms
        return replace(told, delay_ms=delay_ms, dropped_ms=told.dropped_ms + self._refused_s * 1000)

    def _speaker_is_open(self) -> bool:
        speaker = self._speaker() if self._speaker else None
        return speaker is not None and speaker.is_open
