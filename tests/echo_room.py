"""A made room with a satellite's two cards in it, each with a clock of its own, faster than real time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from satellite.core.audio import RATE_HZ, AudioFormat, Int16
from satellite.dsp.echo import EchoCanceller
from satellite.dsp.reference import Reference

SPEAKER = AudioFormat(48_000, 1, 2)
PERIOD = 960
BUFFER = 4_800
READ = 256
# Of the monotonic clock, when the microphone's first sample is captured.
BEGIN_S = 1_000.0


@dataclass(frozen=True)
class Room:
    """The way from the speaker to the microphone.

    Attributes:
        delay_s: of the direct sound, the cards' own unknown delay included.
        ppm: by how many millionths the speaker's clock is faster than the microphone's.
        direct_db: direct sound against the reverberation.
        decay_s: until the reverberation has fallen by 60 dB.
        noise: standard deviation of the microphone's noise, in steps of 16 bits.
    """

    delay_s: float = 0.06
    ppm: float = 0.0
    direct_db: float = 0.0
    decay_s: float = 0.25
    noise: float = 15.0

    def response(self) -> npt.NDArray[np.float64]:
        """Impulse response at 16 kHz, energy 1, the delay not in it."""
        count = round(self.decay_s * RATE_HZ)
        tail = np.random.default_rng(7).normal(size=count) * 10 ** (-3 * np.arange(count) / count)
        tail[:32] = 0
        tail *= 10 ** (-self.direct_db / 20) / np.sqrt(tail @ tail)
        tail[0] = 1.0
        return tail / np.sqrt(tail @ tail)

    def echo(self, played: Int16, gain: float = 1.0) -> npt.NDArray[np.float64]:
        """What the microphone hears of sound that is played at 48 kHz from its first sample on."""
        # A speaker that is faster plays the same samples in less time.
        rate_hz = SPEAKER.rate_hz * (1 + self.ppm / 1e6)
        heard = soxr.resample(played.astype(np.float64), rate_hz, RATE_HZ, "VHQ")
        response = self.response()
        size = len(heard) + len(response)
        wet = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(response, size), size)
        return gain * np.concatenate((np.zeros(round(self.delay_s * RATE_HZ)), wet))


def voice(seconds: float, seed: int = 3) -> Int16:
    """Noise that comes and goes, and has the colour of speech: int16 at 16 kHz."""
    rng, count = np.random.default_rng(seed), round(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.normal(size=count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    sound = np.fft.irfft(spectrum / (1 + (hz / 600) ** 2) * (hz > 80), count)
    syllables = np.repeat(rng.random(count // 2_000 + 1) ** 2, 2_000)[:count]
    sound *= syllables / np.sqrt(np.mean((sound * syllables) ** 2))
    return np.clip(np.rint(2_000 * sound), -32_768, 32_767).astype(np.int16)


def for_speaker(sound: Int16) -> Int16:
    """The same at the speaker's rate."""
    converted = soxr.resample(sound.astype(np.float64), RATE_HZ, SPEAKER.rate_hz, "VHQ")
    return np.clip(np.rint(converted), -32_768, 32_767).astype(np.int16)


def hear(
    played: Int16, microphone: Int16, room: Room, *, echo: EchoCanceller, reference: Reference, read: int = READ
) -> Int16:
    """What comes out of the canceller, of all that went in.

    Args:
        played: at 48 kHz, from the time on at which the microphone's first sample is captured.
        microphone: what it hears, at 16 kHz.
        read: so many samples are read from it at a time.
    """
    schedule = writes(played, room, reference)
    write_s = next(schedule, np.inf)
    passed = []
    for begin in range(0, len(microphone), read):
        part = microphone[begin : begin + read]
        newest_s = BEGIN_S + (begin + len(part)) / RATE_HZ
        while write_s <= newest_s:
            write_s = next(schedule, np.inf)
        passed.append(echo.process(part, newest_s))
    return np.concatenate([*passed, echo.flush()])


def writes(played: Int16, room: Room, reference: Reference) -> Iterator[float]:
    """Gives the sound to the speaker, a period whenever there is room for it; yields the time of the next write."""
    rate_hz = SPEAKER.rate_hz * (1 + room.ppm / 1e6)
    for begin in range(0, len(played), PERIOD):
        now_s = BEGIN_S + max(0, begin + PERIOD - BUFFER) / rate_hz
        yield now_s
        block = played[begin : begin + PERIOD]
        queued = begin + len(block) - (now_s - BEGIN_S) * rate_hz
        reference.wrote(block.tobytes(), SPEAKER, round(queued), now_s)
