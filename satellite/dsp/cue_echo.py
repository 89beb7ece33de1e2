"""Takes the satellite's own short sounds out of the command that is spoken over them.

Where a canceller would need seconds, what is known of a cue is enough to fit the room to it once. The sound is held
back until the echo is over, at most 0.33 s, fitted and let go all at once.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from satellite.core.audio import RATE_HZ, Float32, Int16, samples_in
from satellite.dsp.clock import ClockFit
from satellite.dsp.one_shot import find_lag, fit_echo
from satellite.dsp.reference import Reference

_BLOCK = samples_in(10)
# The echo is expected at the known delay; it may come earlier by the first, and lasts for the second.
_EARLY, _TAIL = samples_in(30), samples_in(150)
_TAPS = _EARLY + _TAIL
# No sound is held back for longer: an endless sound is taken out piece by piece. Longer ones would need a transform of
# twice the length.
_LONGEST = samples_in(330)
# Before it was found: what cards add to what they say of themselves.
_USUAL = samples_in(30)
# The delay is looked for in one second from the beginning of a sound on, and a little before.
_LOOKED_AT, _BEFORE = samples_in(1_000), samples_in(50)
_LONGEST_SOUND = samples_in(300)
_CLEAR = 0.2
# Of a loud cue and a voice a peak or two are cut off: with so few samples no less is taken out.
_CLIPPED, _FEW_CLIPPED = 32_767, 0.01


@dataclass(frozen=True, slots=True)
class CueStatistics:
    """What was taken out.

    Attributes:
        pieces: of sound, each with the echo of a cue, or of a part of one, in it.
        lowered_db: by how much the last of them became softer; what was spoken over the cue is in it.
        delay_ms: from the cue's own date to its echo at the microphone; None until it was found.
    """

    pieces: int
    lowered_db: float
    delay_ms: float | None


class CueCanceller:
    """Sound in, the same sound without the echo of cues out, any number of samples at a time. Used by one thread.

    While nothing sounds, the samples come out at once and as they are. Samples are conserved: those that went in are
    those that came out and those in `held`.

    Args:
        reference: what is played, and when.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._clock = ClockFit(RATE_HZ)
        self._count = 0
        self._held: Int16 = np.zeros(0, np.int16)
        self._open = False
        self._recent: deque[Int16] = deque()
        self._looks_at: int | None = None
        self._delay: int | None = None
        self._pieces, self._lowered_db = 0, 0.0

    @property
    def held(self) -> int:
        """Samples that went in and did not come out yet."""
        return len(self._held)

    def process(self, samples: Int16, newest_s: float, *, wanted: bool) -> Int16:
        """Hear int16 samples, shape (n,).

        Args:
            newest_s: when the last of them was captured, or a little later; monotonic.
            wanted: a command is listened to; without one everything passes.
        """
        if len(samples):
            self._clock.add(self._count + len(samples), newest_s)
        if not wanted:
            self._count += len(samples)
            self._looks_at = None
            self._recent.clear()
            return np.concatenate((self.flush(), samples))
        passed = []
        while len(samples):
            part = samples[: _BLOCK - self._count % _BLOCK]
            samples = samples[len(part) :]
            passed.append(self._hear(part))
        return np.concatenate(passed) if passed else samples

    def lost(self, count: int) -> Int16:
        """So many samples are missing here. Returns what was held, as it came in."""
        self._count += count
        self._clock.restart()
        self._looks_at = None
        self._recent.clear()
        return self.flush()

    def flush(self) -> Int16:
        """The input is over, or interrupted: what was held, as it came in."""
        held, self._held, self._open = self._held, self._held[:0], False
        return held

    def statistics(self) -> CueStatistics:
        """What was done; from any thread."""
        delay_ms = None if self._delay is None else self._delay * 1000 / RATE_HZ
        return CueStatistics(self._pieces, round(self._lowered_db, 1), delay_ms)

    def _hear(self, part: Int16) -> Int16:
        """A block, or the part of one up to its end."""
        passed = self._begin_block() if self._count % _BLOCK == 0 else self._held[:0]
        self._remember(part)
        self._count += len(part)
        if not self._open:
            return np.concatenate((passed, part))
        self._held = np.concatenate((self._held, part))
        return passed

    def _begin_block(self) -> Int16:
        """Decide whether it is held back; what is let go before it."""
        sounds = self._sounds(_TAPS - 1 + _BLOCK, self._bulk - _EARLY)
        passed = self._held[:0]
        if self._open and (not sounds or len(self._held) >= _LONGEST):
            passed = self._without_echo(self._held)
            self.flush()
        self._open = sounds
        self._look()
        return passed

    def _sounds(self, count: int, delay: int) -> bool:
        """Something of what was played `delay` ago, up to the end of the next block."""
        end = self._count + _BLOCK
        at = self._reference.sample_at(self._clock.time_of(end - delay)) if self._clock.known else None
        if at is None or at - count > self._reference.sounded_until:
            return False
        return bool(self._played(end, count, delay).any())

    @property
    def _bulk(self) -> int:
        return _USUAL if self._delay is None else self._delay

    def _without_echo(self, heard: Int16) -> Int16:
        clipped = np.count_nonzero((heard >= _CLIPPED) | (heard <= -_CLIPPED))
        if clipped > _FEW_CLIPPED * len(heard):
            # What is left of tones that were cut off sounds more like a voice than they did.
            return heard
        sound = heard.astype(np.float32)
        played = self._played(self._count, _TAPS - 1 + len(sound), self._bulk - _EARLY)
        echo = fit_echo(played, sound, _TAPS)
        if not echo.any():
            return heard
        left = sound - echo
        self._pieces += 1
        self._lowered_db = 10 * math.log10((float(sound @ sound) + 1) / (float(left @ left) + 1))
        passed: Int16 = np.clip(np.rint(left), -32768, 32767).astype(np.int16)
        return passed

    def _played(self, end: int, count: int, delay: int) -> Float32:
        """What had been played `delay` samples before this one of the microphone's, and up to there."""
        if not self._clock.known:
            return np.zeros(count, np.float32)
        return self._reference.before(self._clock.time_of(end - delay), count).astype(np.float32)

    # --- the delay --------------------------------------------------------------------------------------------------

    def _remember(self, part: Int16) -> None:
        self._recent.append(part)
        while sum(map(len, self._recent)) - len(self._recent[0]) >= _LOOKED_AT + _BEFORE:
            self._recent.popleft()

    def _look(self) -> None:
        """A second after a sound began, see where it was heard."""
        if self._looks_at is None:
            if self._sounds(_BLOCK, 0):
                self._looks_at = self._count + _LOOKED_AT
        elif self._count >= self._looks_at:
            self._looks_at = None
            self._find()

    def _find(self) -> None:
        heard = np.concatenate(self._recent).astype(np.float32)
        played = self._played(self._count, len(heard), 0)
        sounds = np.flatnonzero(played)
        if not len(sounds) or not heard.any():
            return
        begin = int(sounds[0])
        end = int(sounds[sounds < begin + _LONGEST_SOUND][-1]) + 1
        first = begin - min(begin, _BEFORE)
        if len(heard) - first <= end - begin:
            return
        found = find_lag(played[begin:end], heard[first:])
        if found.clear >= _CLEAR:
            self._delay = found.samples + first - begin
