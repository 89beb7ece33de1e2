"""What may be done to the sound that a person or a server gets: all of it off unless asked for.

The order: offset and rumble, noise, gain, limiter. Whoever listens for wake words or speech hears the sound before all
of it, so that nothing here can move a decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from satellite.core.audio import RATE_HZ, Float32, Int16, to_float32
from satellite.dsp.gain import Gain
from satellite.dsp.highpass import HighPass
from satellite.dsp.level import FULL_SCALE
from satellite.dsp.limiter import Limiter
from satellite.dsp.peak import PeakNormaliser
from satellite.dsp.slow_gain import SlowGain

if TYPE_CHECKING:
    from satellite.config import ProcessingConfig


class Stage(Protocol):
    """Takes blocks of 10 ms, float32 of shape (n, channels), 1 at full scale; gives as many, of the same shape."""

    @property
    def delay(self) -> int:
        """What comes out is so many samples late."""

    def process(self, block: Float32) -> Float32:
        """The next block."""

    def reset(self) -> None:
        """A new stream begins; nothing of the old one comes out."""

    def settle(self) -> None:
        """What was heard so far was a voice: be ready for more of it."""


class Processing:
    """One stream's processing. As many frames come out as go in, in their places, the same for any cutting.

    The high-pass and a fixed gain answer at once. Everything else works in blocks of 10 ms and holds back up to 20 ms
    more (26 with noise suppression, 28 at 48 kHz): `flush` gives the rest. What is off is not made.

    Args:
        config: what is asked for.
        gain_db: fixed, before the automatic one.

    Raises:
        EngineMissing: the extra [webrtc] is asked for and not there, or does not know this rate.
    """

    def __init__(
        self, config: ProcessingConfig, rate_hz: int = RATE_HZ, channels: int = 1, *, gain_db: float = 0.0
    ) -> None:
        cutoff_hz = config.high_pass_hz
        self._high_pass = HighPass(cutoff_hz, rate_hz, channels) if cutoff_hz else None
        self._gain = Gain(gain_db)
        self._size = max(1, rate_hz // 100)
        self._stages = tuple(_stages(config, rate_hz, channels, self._size, self._gain))
        self._delay = sum(stage.delay for stage in self._stages)
        self._rest = np.zeros((0, channels), np.int16)
        # Frames that came in and have not come out; frames that are not to come out.
        self.held, self._skip = 0, self._delay
        self.clipped = 0
        """Samples so far that did not fit into 16 bits."""

    @property
    def learns(self) -> bool:
        """It does better with what was heard before the stream."""
        return bool(self._stages or self._high_pass)

    def begin(self, before: Int16, *, voice: bool) -> None:
        """A new stream begins; what is held is forgotten.

        Args:
            before: what was heard up to here, shape (n, channels): it settles the filters, and tells of the room.
            voice: there is a voice in it, perhaps the one that comes: the slow gain takes its level at once. Otherwise
                the gain stays as it was.
        """
        self._reset()
        counted = self.clipped
        self._skip = self._delay + (len(before) if self._stages else 0)
        self.process(before)
        self.held, self.clipped = 0, counted
        if voice:
            for stage in self._stages:
                stage.settle()

    def process(self, frames: Int16) -> Int16:
        """What can be given out now.

        Args:
            frames: int16 of shape (n, channels).

        Returns:
            The same of shape (m, channels); m is n where nothing works in blocks.
        """
        passed = self._high_pass.process(frames) if self._high_pass else frames
        if not self._stages:
            self.clipped, louder = self.clipped + self._gain.misfits(passed), self._gain.process(passed)
            return louder
        self.held += len(frames)
        return self._blocks(np.concatenate((self._rest, passed)))

    def flush(self) -> Int16:
        """The rest, shape (m, channels). Afterwards a new stream begins."""
        held = self.held
        silence = np.zeros((self._size * (2 + self._delay // self._size), self._rest.shape[1]), np.int16)
        rest = self._blocks(np.concatenate((self._rest, silence)))[:held] if self._stages else silence[:0]
        self._reset()
        return rest

    def silence(self) -> None:
        """Nothing of what was heard so far may come out: in the place of what is held there is silence."""
        held, skip, rest = self.held, self._skip, len(self._rest)
        self._reset()
        self.held, self._skip = held, skip
        self._rest = np.zeros((rest, self._rest.shape[1]), np.int16)

    def _reset(self) -> None:
        for stage in self._stages:
            stage.reset()
        if self._high_pass:
            self._high_pass.reset()
        self.held, self._skip, self._rest = 0, self._delay, self._rest[:0]

    def _blocks(self, frames: Int16) -> Int16:
        whole = len(frames) - len(frames) % self._size
        self._rest = frames[whole:].copy()
        done = [self._block(frames[at : at + self._size]) for at in range(0, whole, self._size)]
        joined = np.concatenate(done) if done else self._rest[:0]
        given = joined[self._skip :]
        self._skip = max(0, self._skip - len(joined))
        self.held -= len(given)
        return given

    def _block(self, frames: Int16) -> Int16:
        sound = to_float32(frames)
        for stage in self._stages:
            sound = stage.process(sound)
        rounded = np.rint(sound * np.float32(FULL_SCALE))
        fitting: Int16 = np.clip(rounded, -32768, 32767).astype(np.int16)
        self.clipped += int(np.count_nonzero(rounded != fitting))
        return fitting


class _Fixed:
    """The fixed gain among the stages: nothing is clipped before the limiter."""

    delay = 0

    def __init__(self, gain: Gain) -> None:
        self._factor = gain.factor

    def process(self, block: Float32) -> Float32:
        louder: Float32 = block * self._factor
        return louder

    def reset(self) -> None:
        pass

    def settle(self) -> None:
        pass


def _stages(config: ProcessingConfig, rate_hz: int, channels: int, size: int, gain: Gain) -> list[Stage]:
    stages: list[Stage] = []
    if config.noise_suppression != "off":
        from satellite.dsp.webrtc import NoiseSuppressor

        stages.append(NoiseSuppressor(config.noise_suppression, rate_hz, channels))
    if config.agc == "webrtc":
        from satellite.dsp.webrtc import GainController

        stages.append(GainController(config.max_gain_db, rate_hz, channels))
    if config.agc == "slow":
        stages.append(SlowGain(config.target_dbfs, config.max_gain_db))
    if config.peak_normalise:
        stages.append(PeakNormaliser(config.peak_dbfs))
    if config.agc == "slow" or config.limiter:
        stages.append(Limiter(config.ceiling_dbfs, size, channels))
    if stages and gain.needed:
        # After the noise suppression, which has its own idea of levels, and before all other gain.
        stages.insert(config.noise_suppression != "off", _Fixed(gain))
    return stages
