"""The echo canceller: what the speaker plays is taken out of what the microphone hears."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np

from satellite.core.audio import Float32, Int16
from satellite.core.errors import EchoFailed
from satellite.dsp.canceller import Canceller, Sanity
from satellite.dsp.clock import ClockFit
from satellite.dsp.delay import find_delay
from satellite.dsp.reference import Reference
from satellite.dsp.shift import Shifter

log = logging.getLogger(__name__)

# The reference comes this much before its echo: late, it would be of no use at all.
_LEAD_S = 0.02
# After so much silence of the speaker even a slow room is quiet: the sound passes untouched.
_AFTERWARDS_S = 2.0
# Delays that the filter bears without help.
_BORNE_S = 0.003, 0.11
_SURE_S = 0.005
_EARLIEST_S, _LATEST_S = -0.3, 0.9
# Blocks of 10 ms. The delay is looked for in up to 4 s of sound: after 1 s, 2 s, and then every 4 s in which the
# speaker was loud.
_BLOCK_S = 0.01
_LOOKED_BACK = 400
_LOOKS = (100, 200, 400)
_CLEAR = 9.0
# After failures in so many blocks on end it is not tried any more.
_PATIENCE = 100
# A reference at less than this says nothing.
_LOUD = 100.0**2


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
        breaks: how often what is played stood still, or jumped.
        cancelled_s: how much sound went through it.
        failures: blocks that it could not do: they passed as they came.
        off: it failed so often that it is not used any more; all sound passes as it comes.
    """

    active: bool
    erle_db: float
    delay_ms: float | None
    ppm: float
    starved_ms: float
    dropped_ms: float
    breaks: int
    cancelled_s: float
    failures: int = 0
    off: bool = False


class EchoCanceller:
    """Sound in, the same sound without the echo out, any number of samples at a time. Used by one thread.

    While nothing plays, the samples come out at once and as they are. Otherwise up to 20 ms are held back. Samples are
    conserved: those that went in are those that came out and those in `held`.

    Args:
        reference: what is played, and when, at the rate of the sound.
        canceller: works on blocks of 10 ms at this rate; it keeps what it learned from one sound to the next.
    """

    def __init__(self, reference: Reference, canceller: Canceller) -> None:
        self._reference = reference
        self._canceller = canceller
        rate_hz = self._rate_hz = reference.rate_hz
        self._size = canceller.block
        self._lead = round(_LEAD_S * rate_hz)
        self._afterwards = round(_AFTERWARDS_S * rate_hz)
        self._clock = ClockFit(rate_hz)
        self._shifter = Shifter(reference.read, rate_hz)
        self._bulk = 0
        self._count = 0
        self._block: Int16 = np.zeros(0, np.int16)
        self._late: Int16 = np.zeros(0, np.int16)
        self._search = _Search(rate_hz)
        self._breaks = 0
        self._heard, self._left = 0.0, 0.0
        self._delay: int | None = None
        self._found: int | None = None
        self._blocks = self._failures = self._failed = 0
        self._sanity = Sanity()
        self.active = False
        """The sound goes through the canceller."""

    @property
    def held(self) -> int:
        """Samples that went in and did not come out yet."""
        return len(self._block) + len(self._late)

    def process(self, samples: Int16, newest_s: float, *, may_begin: bool = True) -> Int16:
        """Hear int16 samples, shape (n,).

        Args:
            newest_s: when the last of them was captured, or a little later; monotonic.
            may_begin: False: what sounds now is not its concern, unless it is active already.
        """
        if len(samples):
            self._clock.add(self._count + len(samples), newest_s)
        if not self.active and (self._off or not may_begin or self._sounding() is None):
            # Nor will anything that is played by now sound later.
            self._count += len(samples)
            return samples
        passed = []
        while len(samples):
            part = samples[: self._size - self._count % self._size]
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
            None if self._delay is None else self._delay * 1000 / self._rate_hz,
            round(self._clock.ppm - self._reference.ppm, 1),
            reference.starved * 1000 / self._rate_hz,
            reference.dropped * 1000 / self._rate_hz,
            self._reference.breaks,
            round(self._blocks * _BLOCK_S, 1),
            self._failures,
            self._off,
        )

    def _hear(self, part: Int16) -> Int16:
        """A block, or the part of one up to its end."""
        held = part[:0]
        if self._count % self._size == 0:
            held = self._begin_block()
        self._count += len(part)
        if not self.active:
            return np.concatenate((held, part)) if len(held) else part
        self._block = np.concatenate((self._block, part))
        return self._cancel() if self._count % self._size == 0 else part[:0]

    def _begin_block(self) -> Int16:
        """Decide whether it goes through the canceller; what is let go when it does not any more."""
        now = None if self._off else self._sounding()
        if now is None:
            return self.flush()
        if self._breaks != self._reference.breaks:
            self._breaks = self._reference.breaks
            self._search.again()
        self._shifter.aim(now + self._lead - self._bulk, self._clock.ppm - self._reference.ppm, anew=not self.active)
        self.active = True
        return self._block

    def _sounding(self) -> float | None:
        """The number of the reference's sample that is played now, if anything is to be heard of it."""
        now = self._reference.sample_at(self._clock.time_of(self._count)) if self._clock.known else None
        if now is None or now - self._bulk >= self._reference.sounded_until + self._afterwards:
            return None
        return now

    def _cancel(self) -> Int16:
        near, self._block = self._block, self._block[:0]
        far = self._shifter.take(self._size)
        passed = self._cancelled(near, far)
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

    def _cancelled(self, near: Int16, far: Int16) -> Int16:
        """The block before, without its echo; as it came, if that does not work: sound must go on."""
        try:
            passed = self._canceller.process(near, far)
            if len(self._late) and self._sanity.louder(_power(self._late), _power(passed)):
                self._canceller.reset()
        except (EchoFailed, ArithmeticError, ValueError) as error:
            self._fail(error)
            return self._late
        self._failed = 0
        return passed

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        self._failed = _PATIENCE if isinstance(error, EchoFailed) else self._failed + 1
        if self._failures == 1 or self._failed == _PATIENCE:
            log.error("the echo canceller %s: %s; sound passes as it comes", "is off" if self._off else "failed", error)

    @property
    def _off(self) -> bool:
        return self._failed >= _PATIENCE

    def _align(self) -> None:
        lag = self._search.lag()
        if lag is None:
            return
        found, before = self._bulk + lag - self._lead, (self._delay, self._found)
        self._found = found
        if self._delay is not None and all(one is None or abs(found - one) > _SURE_S * self._rate_hz for one in before):
            # A tone has many delays: what was known is given up only for what is found twice.
            return
        self._delay = found
        if not _BORNE_S[0] <= lag / self._rate_hz < _BORNE_S[1]:
            self._bulk = self._delay
            self._search.again()
            self._canceller.reset()
            self._shifter.forget()

    def _measure(self, heard: Int16, left: Int16, far: Int16) -> None:
        if _power(far) > _LOUD:
            self._heard += _BLOCK_S * (_power(heard) - self._heard)
            self._left += _BLOCK_S * (_power(left) - self._left)


class _Search:
    """Collects sound for the delay, and looks for it when there is enough."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._earliest, self._latest = round(_EARLIEST_S * rate_hz), round(_LATEST_S * rate_hz)
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
        near, far = np.concatenate(self._near), np.concatenate(self._far)
        found = find_delay(near, far, self._earliest, self._latest, self._rate_hz)
        return found.samples if found.clear >= _CLEAR else None


def _power(block: Int16) -> float:
    sound: Float32 = block.astype(np.float32)
    return float(sound @ sound) / len(block)
