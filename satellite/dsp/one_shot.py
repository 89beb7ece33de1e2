"""A short sound that was played, found again in what the microphone heard: one least-squares fit, no learning."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from satellite.core.audio import Float32, samples_in

# So many are enough: more change less than 0.1 dB.
_STEPS = 12
# Of the played sound's mean power. A frequency that has less is left alone: with less of a ridge the echo goes a little
# better, and more of a voice with it.
_RIDGE = 0.1
# Share of the power heard that the sound at its best place explains. It was at most 0.005 in 990 pieces of voices that
# had no echo of the awake sound in them, and from 0.02 on with one 5 dB weaker than the voice.
_AUDIBLE = 0.02
# A delay is looked for where the room's response first reaches this share of its greatest power; a frequency of the
# sound that has less than the other share of the strongest one's power does not tell much of it.
_RISEN, _WEAK = 0.5, 0.03
_SMOOTHED = samples_in(2)


def fit_echo(played: Float32, heard: Float32, taps: int) -> Float32:
    """The part of `heard` that some room makes of `played`; zeros where none is to be heard.

    The room is a filter of so many taps, fitted by least squares with a ridge, so that what a voice says in other
    frequencies stays; by conjugate gradients (M. R. Hestenes, E. Stiefel, 1952), preconditioned by what the inverse
    would be if the sound went round in a circle (G. Strang, 1986).

    Args:
        played: float32, shape (taps - 1 + n,): the sound from `taps` - 1 samples before that of `heard` on.
        heard: float32, shape (n,).
    """
    size = 1 << (len(played) - 1).bit_length()
    # The squares of squares of a loud sound are beyond float32.
    played = played / np.float32(max(1.0, math.sqrt(float(played @ played))))
    spectrum, ridge = np.fft.rfft(played, size), _RIDGE * float(played @ played)
    before = np.zeros(taps - 1, np.float32)

    def echo_of(room: Float32) -> Float32:
        echo = np.fft.irfft(spectrum * np.fft.rfft(room, size), size)
        return echo[taps - 1 : taps - 1 + len(heard)].astype(np.float32)

    def room_of(echo: Float32) -> Float32:
        room = np.fft.irfft(np.conj(spectrum) * np.fft.rfft(np.concatenate((before, echo)), size), size)
        return room[:taps].astype(np.float32)

    room, left, slope = np.zeros(taps, np.float32), heard, room_of(heard)
    if float(np.abs(slope).max()) ** 2 <= _AUDIBLE * float(played @ played) * float(heard @ heard):
        return np.zeros_like(heard)
    weights = 1 / (np.abs(spectrum) ** 2 + ridge)
    step, steepness = np.zeros_like(room), 1.0
    for _ in range(_STEPS):
        steepest = np.fft.irfft(weights * np.fft.rfft(slope, size), size)[:taps].astype(np.float32)
        steepness, was = float(slope @ steepest), steepness
        if not steepness:
            break
        step = steepest + np.float32(steepness / was) * step
        change = echo_of(step)
        far = np.float32(steepness / (float(change @ change) + ridge * float(step @ step)))
        room, left = room + far * step, left - far * change
        slope = room_of(left) - np.float32(ridge) * room
    return heard - left


class Lag(NamedTuple):
    """`samples`: by which the echo is late. `clear`: share of what is heard there that the echo is; by chance < 0.1."""

    samples: int
    clear: float


def find_lag(played: Float32, heard: Float32) -> Lag:
    """How much later than it begins a sound is heard, to about 20 ms even when it is a tone.

    Args:
        played: float32, shape (m,), some of it not 0.
        heard: float32, shape (n,), with n > m.
    """
    found, response = _compare(played, heard)
    sums = np.cumsum(np.concatenate((np.zeros(1), heard.astype(np.float64) ** 2)))
    powers = (sums[len(played) :] - sums[: -len(played)]) * float(played @ played)
    clear = found**2 / np.maximum(powers, max(1.0, 1e-6 * powers.max()))
    silence = np.zeros_like(played)
    # A tone resembles itself before its time: by as much as it does so, its echo is later than that.
    _, own = _compare(played, np.concatenate((silence, played, silence)))
    return Lag(_rise(response) + len(played) - _rise(own), float(clear.max()))


def _rise(response: Float32) -> int:
    power = np.convolve(response**2, np.full(_SMOOTHED, 1 / _SMOOTHED, np.float32), "same")
    return int(np.flatnonzero(power >= _RISEN * power.max())[0])


def _compare(played: Float32, heard: Float32) -> tuple[Float32, Float32]:
    """Correlation, and response of the room, for every place of `heard` where the whole of `played` may begin."""
    size = 1 << len(heard).bit_length()
    spectrum = np.fft.rfft(played, size)
    powers = np.abs(spectrum) ** 2
    product = np.fft.rfft(heard, size) * np.conj(spectrum)
    correlation, response = np.fft.irfft((product, product / (powers + _WEAK * powers.max())), size)
    places = len(heard) - len(played) + 1
    return correlation[:places].astype(np.float32), response[:places].astype(np.float32)
