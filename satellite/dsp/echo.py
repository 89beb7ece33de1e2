"""The echo canceller: what the speaker plays is taken out of what the microphone hears."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from satellite.core.audio import RATE_HZ, Float32, Int16, samples_in
from satellite.dsp.clock import ClockFit
from satellite.dsp.delay import find_delay
from satellite.dsp.reference import Reference
from satellite.dsp.shift import Shifter
from satellite.dsp.speex import BLOCK, SpeexCanceller

# The reference comes this much before its echo: late, it would be of no use at all.
LEAD = samples_in(20)
# After so much silence of the speaker even a slow room is quiet: the sound passes untouched.
_AFTERWARDS = samples_in(2000)
# Delays that the filter bears without help.
_BORNE = range(samples_in(3), samples_in(110))
_SURE = samples_in(5)
_EARLIEST, _LATEST = -samples_in(300), samples_in(900)
# The delay is looked for in up to 4 s of sound: after 1 s, 2 s, and then every 4 s in which the speaker was loud.
_LOOKED_BACK = samples_in(4000) // BLOCK
_LOOKS = tuple(samples_in(1000 * seconds) // BLOCK for seconds in (1, 2, 4))
_CLEAR = 9.0
# A reference at less than this says nothing.
_LOUD = 100.0**2
_SMOOTHING = BLOCK / RATE_HZ


@dataclass(frozen=True, slots=True)
class EchoStatistics:
    """What the canceller does.

    Attributes:
        active: something plays, or did so within 2 s; otherwise the sound passes untouched.
        erle_db: by how much it lowers what the microphone hears while the speaker is loud, over about a second; the
            louder somebody speaks at the same time, the less.
        delay_ms: from the sound's own date to its echo at the microphone; None until it was found.
        ppm: by how many millionths the microphone's clock is slower than the speaker's.
        starved_ms, dropped_ms: of the reference, that came too late, and that nobody read.
        cancelled_s: how much sound went through it.
    """

    active: bool
    erle_db: float
    delay_ms: float | None
    ppm: float
    starved_ms: float
    dropped_ms: float
    cancelled_s: float


class EchoCanceller:
    """Sound in, the same sound without the echo out, any number of samples at a time. Used by one thread.

    While nothing plays, the samples come out at once and as they are. Otherwise up to 20 ms are held back. Samples are
    conserved: those that went in are those that came out and those in `held`.

    Args:
        reference: what is played, and when.
        canceller: works on blocks of 10 ms; it keeps what it learned from one sound to the next.
    """

    def __init__(self, reference: Reference, canceller: SpeexCanceller) -> None:
        self._reference = reference
        self._canceller = canceller
        self._clock = ClockFit(RATE_HZ)
        self._shifter = Shifter(reference.read)
        self._bulk = 0
        self._count = 0
        self._block: Int16 = np.zeros(0, np.int16)
        self._late: Int16 = np.zeros(0, np.int16)
        self._search = _Search()
        self._breaks = 0
        self._heard, self._left = 0.0, 0.0
        self._delay: int | None = None
        self._found: int | None = None
        self._blocks = 0
        self.active = False
        """The sound goes through the canceller."""

    @property
    def held(self) -> int:
        """Samples that went in and did not come out yet."""
        return len(self._block) + len(self._late)

    def process(self, samples: Int16, newest_s: float) -> Int16:
        """Hear int16 samples, shape (n,).

        Args:
            newest_s: when the last of them was captured, or a little later; monotonic.
        """
        if len(samples):
            self._clock.add(self._count + len(samples), newest_s)
        if not self.active and self._sounding() is None:
            # Nor will anything that is played by now sound later.
            self._count += len(samples)
            return samples
        passed = []
        while len(samples):
            part = samples[: BLOCK - self._count % BLOCK]
            samples = samples[len(part) :]
            passed.append(self._hear(part))
        return np.concatenate(passed) if passed else samples

    def lost(self, count: int) -> Int16:
        """So many samples are missing here. Returns what was held, as it came in."""
        held = self.flush()
        self._count += count
        self._clock.restart()
        self._search.again()
        return held

    def flush(self) -> Int16:
        """The input is over, or interrupted: what was held, as it came in."""
        held = np.concatenate((self._late, self._block))
        self._late = self._block = held[:0]
        self.active = False
        return held

    def statistics(self) -> EchoStatistics:
        """What it does; from any thread."""
        reference = self._reference.statistics()
        erle_db = 10 * math.log10(self._heard / self._left) if self._heard and self._left else 0.0
        return EchoStatistics(
            self.active,
            round(erle_db, 1),
            None if self._delay is None else self._delay * 1000 / RATE_HZ,
            round(self._clock.ppm - self._reference.ppm, 1),
            reference.starved * 1000 / RATE_HZ,
            reference.dropped * 1000 / RATE_HZ,
            round(self._blocks * BLOCK / RATE_HZ, 1),
        )

    def _hear(self, part: Int16) -> Int16:
        """A block, or the part of one up to its end."""
        held = part[:0]
        if self._count % BLOCK == 0:
            held = self._begin_block()
        self._count += len(part)
        if not self.active:
            return np.concatenate((held, part)) if len(held) else part
        self._block = np.concatenate((self._block, part))
        return self._cancel() if self._count % BLOCK == 0 else part[:0]

    def _begin_block(self) -> Int16:
        """Decide whether it goes through the canceller; what is let go when it does not any more."""
        now = self._sounding()
        if now is None:
            return self.flush()
        if self._breaks != self._reference.breaks:
            self._breaks = self._reference.breaks
            self._search.again()
        self._shifter.aim(now + LEAD - self._bulk, self._clock.ppm - self._reference.ppm, anew=not self.active)
        self.active = True
        return self._block

    def _sounding(self) -> float | None:
        """The number of the reference's sample that is played now, if anything is to be heard of it."""
        now = self._reference.sample_at(self._clock.time_of(self._count)) if self._clock.known else None
        if now is None or now - self._bulk >= self._reference.sounded_until + _AFTERWARDS:
            return None
        return now

    def _cancel(self) -> Int16:
        near, self._block = self._block, self._block[:0]
        far = self._shifter.take(BLOCK)
        passed = self._canceller.process(near, far)
        self._blocks += 1
        if len(self._late):
            self._measure(self._late, passed, far)
        else:
            # The first block out is what the canceller heard last time.
            passed = passed[:0]
        self._late = near
        if self._search.hear(near, far):
            self._align()
        return passed

    def _align(self) -> None:
        lag = self._search.lag()
        if lag is None:
            return
        found, before = self._bulk + lag - LEAD, (self._delay, self._found)
        self._found = found
        if self._delay is not None and all(one is None or abs(found - one) > _SURE for one in before):
            # A tone has many delays: what was known is given up only for what is found twice.
            return
        self._delay = found
        if lag not in _BORNE:
            self._bulk = self._delay
            self._search.again()
            self._canceller.reset()
            self._shifter.forget()

    def _measure(self, heard: Int16, left: Int16, far: Int16) -> None:
        if _power(far) > _LOUD:
            self._heard += _SMOOTHING * (_power(heard) - self._heard)
            self._left += _SMOOTHING * (_power(left) - self._left)


class _Search:
    """Collects sound for the delay, and looks for it when there is enough."""

    def __init__(self) -> None:
        self._near: list[Int16] = []
        self._far: list[Int16] = []
        self._loud = 0

    def again(self) -> None:
        """What was found holds no longer."""
        self._near, self._far, self._loud = [], [], 0

    def hear(self, near: Int16, far: Int16) -> bool:
        """Take a block of each; whether it is time to look."""
        self._near, self._far = [*self._near[1 - _LOOKED_BACK :], near], [*self._far[1 - _LOOKED_BACK :], far]
        loud = _power(far) > _LOUD
        self._loud += loud
        return loud and (self._loud in _LOOKS or self._loud % _LOOKS[-1] == 0)

    def lag(self) -> int | None:
        """By how much the echo is later than the reference that was given; None when it is not clear."""
        found = find_delay(np.concatenate(self._near), np.concatenate(self._far), _EARLIEST, _LATEST)
        return found.samples if found.clear >= _CLEAR else None


def _power(block: Int16) -> float:
    sound: Float32 = block.astype(np.float32)
    return float(sound @ sound) / len(block)
