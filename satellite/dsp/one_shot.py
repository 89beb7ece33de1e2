"""A short sound that was played, found again in what the microphone heard: one least-squares fit, no learning."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from satellite.core.audio import Float32, samples_in

# More steps fit weaker and weaker frequencies of the sound: the echo little better, and more and more of a voice.
_STEPS = 16
# Of the played sound's mean power. A frequency that has less is left alone.
_RIDGE = 0.3
# Share of the power heard that the sound at its best place explains. It was at most 0.08 in 1,100 pieces of voices that
# had no echo of the awake sound in them, and from 0.07 on with one 5 dB weaker than the voice.
_AUDIBLE = 0.08
# A delay is looked for where the correlation first reaches this share of its greatest power.
_RISEN = 0.25
_SMOOTHED = samples_in(2)
# A sound is dated as well as this; and between two samples there are so many places.
_DATED = samples_in(12)
_BETWEEN = 16
# What is between them is told from as many samples on either side of each; those at the edges fade.
_AROUND = samples_in(16)
_NEAR = np.arange(-_AROUND, _AROUND)
_FADED = np.clip((_AROUND - np.abs(_NEAR + 0.5)) / (_AROUND - _DATED), 0, 1)
# The loudspeaker may have been turned up by 6 dB.
_LOUDER = 2.0


class Fit(NamedTuple):
    """`room`: float32, (taps,), the way from the speaker to the microphone; `echo`: (n,), what comes of it."""

    room: Float32
    echo: Float32


def fit_echo(played: Float32, heard: Float32, taps: int) -> Fit:
    """The part of `heard` that some room makes of `played`; zeros where none is to be heard.

    The room is a filter of so many taps, fitted by conjugate gradients on the normal equations (CGLS: M. R. Hestenes,
    E. Stiefel, 1952), ended early and with a ridge, so that what a voice says in the same frequencies stays.

    Args:
        played: float32, shape (taps - 1 + n,): the sound from `taps` - 1 samples before that of `heard` on.
        heard: float32, shape (n,).
    """
    size = _transformed(len(played))
    # The squares of squares of a loud sound are beyond float32.
    loud = np.float32(max(1.0, math.sqrt(float(played @ played))))
    played = played / loud
    spectrum = np.fft.rfft(played, size)
    ridge = _RIDGE * float(played @ played)
    before = np.zeros(taps - 1, np.float32)

    def back(sound: Float32) -> Float32:
        room = np.fft.irfft(np.conj(spectrum) * np.fft.rfft(np.concatenate((before, sound)), size), size)
        return room[:taps].astype(np.float32)

    room, left, echo = np.zeros(taps, np.float32), heard, np.zeros_like(heard)
    step = slope = back(left)
    if float(np.abs(slope).max()) ** 2 <= _AUDIBLE * float(played @ played) * float(heard @ heard):
        return Fit(room, echo)
    steepness = float(slope @ slope)
    for _ in range(_STEPS):
        change = _through(spectrum, step, len(heard))
        curvature = float(change @ change) + ridge * float(step @ step)
        if not curvature or not steepness:
            break
        far = np.float32(steepness / curvature)
        room, echo, left = room + far * step, echo + far * change, left - far * change
        slope = back(left) - np.float32(ridge) * room
        steepness, was = float(slope @ slope), steepness
        step = slope + np.float32(steepness / was) * step
    return Fit(room / loud, echo)


def known_echo(played: Float32, heard: Float32, room: Float32) -> Float32:
    """What a room that is known makes of `played`, where in `heard` it fits best: to 1/16 sample, within 12 ms.

    Only a place and a volume are fitted, so nearly nothing of a voice.

    Args:
        played, heard: as of `fit_echo`, with which the room was found.
    """
    echo = _through(np.fft.rfft(played, _transformed(len(played))), room, len(heard))
    power = float(echo @ echo)
    if not power:
        return echo
    # Nothing goes round: it is moved by no more than is empty behind it.
    size = _transformed(len(heard) + _AROUND)
    spectrum = np.fft.rfft(echo, size)
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(spectrum), size)
    around = np.fft.irfft(np.fft.rfft(product[_NEAR] * _FADED), 2 * _AROUND * _BETWEEN) * _BETWEEN
    places = np.arange((_AROUND - _DATED) * _BETWEEN, (_AROUND + _DATED) * _BETWEEN + 1)
    place = int(places[around[places].argmax()])
    volume = min(max(float(around[place]) / power, 0.0), _LOUDER)
    turned = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * (place / _BETWEEN - _AROUND))
    return (volume * np.fft.irfft(spectrum * turned, size)[: len(heard)]).astype(np.float32)


def _through(spectrum: npt.NDArray[np.complexfloating], room: Float32, count: int) -> Float32:
    """The last so many samples of a sound, of which this is the spectrum, behind a room."""
    size, taps = 2 * (len(spectrum) - 1), len(room)
    sound = np.fft.irfft(spectrum * np.fft.rfft(room, size), size)
    return sound[taps - 1 : taps - 1 + count].astype(np.float32)


def _transformed(count: int) -> int:
    return 1 << (count - 1).bit_length()


class Lag(NamedTuple):
    """`samples`: by which the echo is late. `clear`: share of what is heard there that the echo is; by chance < 0.1."""

    samples: int
    clear: float


def find_lag(played: Float32, heard: Float32) -> Lag:
    """How much later than it begins a sound is heard, to about 10 ms even when it is a tone.

    Args:
        played: float32, shape (m,), some of it not 0.
        heard: float32, shape (n,), with n > m.
    """
    own = _correlation(played, np.concatenate((np.zeros_like(played), played, np.zeros_like(played))))
    found = _correlation(played, heard)
    sums = np.cumsum(np.concatenate((np.zeros(1), heard.astype(np.float64) ** 2)))
    powers = (sums[len(played) :] - sums[: -len(played)]) * float(played @ played)
    clear = found**2 / np.maximum(powers, max(1.0, 1e-6 * powers.max()))
    # A tone resembles itself before its time: by as much as it does so, its echo is later than that.
    return Lag(_rise(found) + len(played) - _rise(own), float(clear.max()))


def _correlation(played: Float32, heard: Float32) -> Float32:
    """For every place of `heard` where the whole of `played` may begin."""
    size = 1 << len(heard).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size)), size)
    return product[: len(heard) - len(played) + 1].astype(np.float32)


def _rise(correlation: Float32) -> int:
    power = np.convolve(correlation**2, np.full(_SMOOTHED, 1 / _SMOOTHED, np.float32), "same")
    return int(np.flatnonzero(power >= _RISEN * power.max())[0])
