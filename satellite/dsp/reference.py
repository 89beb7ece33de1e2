"""What the speaker plays, and when: the reference of the echo canceller."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.dsp.clock import ClockFit
from satellite.dsp.convert import Converter

# 2 s that may be read late, and the 2 s before them, in which a wake word of our own is looked for.
KEPT_S = 4
# A card that plays this much earlier or later than its clock says was stopped in between; so was an empty one, by less.
_JUMP_S, _EMPTY_JUMP_S = 0.03, 0.002


@dataclass(frozen=True, slots=True)
class ReferenceStatistics:
    """Samples. `dropped`: overwritten before they were read. `starved`: they came after they were wanted."""

    dropped: int
    starved: int


@dataclass(slots=True)
class _Run:
    """What is played without a break. `begin`: number of its first sample. `frames`: written so far."""

    begin: int
    form: AudioFormat
    rate_hz: int
    converter: Converter
    frames: int = 0

    @property
    def next_sample(self) -> float:
        return self.begin + self.frames * self.rate_hz / self.form.rate_hz


class Reference:
    """Keeps the last 4 s of what was given to the speaker, mono at one rate, dated by the speaker's clock.

    Samples are numbered along the time of the card: where it stood still, zeros are in between. Written by the playback
    thread, read by the capture thread; nobody waits for more than the copying.

    Args:
        rate_hz: at which it is kept: that of the microphone.
    """

    def __init__(self, rate_hz: int = RATE_HZ) -> None:
        self.rate_hz = rate_hz
        self._lock = threading.Lock()
        self._size = KEPT_S * rate_hz
        self._ring: Int16 = np.zeros(self._size, np.int16)
        self._clock = ClockFit(rate_hz)
        self._run: _Run | None = None
        self._end = 0
        self._read_until = 0
        self._sounded_until = -self._size
        self._dropped = self._starved = 0
        self.breaks = 0
        """How often the card stood still, or was opened anew."""

    def wrote(self, pcm: bytes, form: AudioFormat, queued_frames: int, now_s: float) -> None:
        """These whole frames were just given to the speaker.

        Args:
            queued_frames: that are not heard yet, these included.
            now_s: monotonic, taken after `queued_frames`.
        """
        frames = len(pcm) // form.frame_bytes
        plays_s = now_s + (queued_frames - frames) / form.rate_hz
        with self._lock:
            run = self._run
            if run is None or form != run.form or self._broke(run, plays_s, queued_frames <= frames):
                run = self._run = self._begin_anew(form, plays_s)
            self._clock.add(run.next_sample, plays_s)
            run.frames += frames
            self._append(run.converter.process(pcm)[:, 0])

    def sample_at(self, time_s: float) -> float | None:
        """The number of the sample that is played at this time; None before anything was."""
        with self._lock:
            return self._clock.sample_at(time_s) if self._clock.known else None

    def read(self, begin: int, count: int) -> Int16:
        """Samples from this number on, shape (count,); zeros where there are none (any more, or yet)."""
        with self._lock:
            self._read_until = max(self._read_until, begin + count)
            return self._copy(begin, count)

    def before(self, time_s: float, count: int) -> Int16:
        """What was played up to this time, shape (count,)."""
        with self._lock:
            end = round(self._clock.sample_at(time_s)) if self._clock.known else 0
            return self._copy(end - count, count)

    @property
    def sounded_until(self) -> int:
        """Number after the last sample that is not 0; far below 0 before there is one."""
        return self._sounded_until

    @property
    def ppm(self) -> float:
        """By how much the speaker's clock is slow, in millionths."""
        return self._clock.ppm

    def statistics(self) -> ReferenceStatistics:
        """What was lost so far; from any thread."""
        return ReferenceStatistics(self._dropped, self._starved)

    def _broke(self, run: _Run, plays_s: float, was_empty: bool) -> bool:
        off_s = plays_s - self._clock.time_of(run.next_sample)
        return abs(off_s) > _JUMP_S or (was_empty and abs(off_s) > _EMPTY_JUMP_S)

    def _begin_anew(self, form: AudioFormat, plays_s: float) -> _Run:
        """The card was silent, or threw away what it held."""
        if self._run:
            self._append(self._run.converter.flush()[:, 0])
        begin = round(self._clock.sample_at(plays_s)) if self._clock.known else self._end
        if begin > self._end:
            self._append(np.zeros(min(begin - self._end, self._size), np.int16))
        self._end = begin
        self._clock.restart()
        self.breaks += 1
        return _Run(begin, form, self.rate_hz, Converter(form, self.rate_hz, 1))

    def _append(self, samples: Int16) -> None:
        begin, end = self._end, self._end + len(samples)
        sounds = np.flatnonzero(samples)
        if len(sounds):
            # Silence is not missed.
            self._starved += max(0, min(self._read_until, end) - begin)
            self._dropped += max(0, min(end - self._size - max(self._read_until, begin - self._size), len(samples)))
            self._sounded_until = begin + int(sounds[-1]) + 1
        kept = samples[-self._size :]
        self._ring[np.arange(end - len(kept), end) % self._size] = kept
        self._end = end

    def _copy(self, begin: int, count: int) -> Int16:
        copied = np.zeros(count, np.int16)
        first, last = max(begin, self._end - self._size), min(begin + count, self._end)
        if first < last:
            copied[first - begin : last - begin] = self._ring[np.arange(first, last) % self._size]
        return copied
