"""What a microphone heard of a speaker: a recording in, figures and findings out. No device, no clock, no screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from satellite.core.audio import RATE_HZ, SILENCE_DBFS, Int16, samples_in, to_float32
from satellite.dsp.level import peak_dbfs, rms_dbfs
from satellite.dsp.sweep import HIGH_HZ, LOW_HZ, Response, Sweep

# So far above the rest of the response its peak must stand; those of noise and of speech stand up to 20 dB above it.
FOUND_DB = 26.0
QUIET_DB = 15.0
GOOD_DB = 20.0
CLIPPED_SHARE = 0.001
DISTORTED_PERCENT = 10.0
SLOW_S = 0.5
# A sample this near to full scale was probably cut.
_CUT = 32_700
# Of the direct sound, a part of the strongest that comes so much earlier: walls may be louder than the way to them.
_DIRECT_SHARE = 0.5
_DIRECT_BEFORE = samples_in(20)
_BEFORE = samples_in(5)
_DIRECT = samples_in(50)
_ROOM = samples_in(200)
_HARMONICS = (2, 3)
_HARMONIC = samples_in(20)


@dataclass(frozen=True, slots=True)
class Take:
    """What was played, and what was recorded of it. Times on one clock that only goes forward.

    Attributes:
        recording: mono at RATE_HZ.
        began_s: when its first sample was captured.
        written_s: when the sweep's first samples were given to the speaker.
        dated_s: when they were heard by the speaker's own account.
        voice_after_s: from the beginning of the sweep to that of the voice.
        voice_s: length of the voice.
        underruns, overruns: of the speaker, of the microphone.
    """

    recording: Int16
    began_s: float
    written_s: float
    dated_s: float
    voice_after_s: float
    voice_s: float
    underruns: int
    overruns: int


@dataclass(frozen=True, slots=True)
class Band:
    """How strong a band of frequencies is, against the strongest."""

    low_hz: float
    high_hz: float
    level_db: float


@dataclass(frozen=True, slots=True)
class Echo:
    """The sweep, as the microphone heard it. Levels are root mean squares without the room's noise.

    Attributes:
        latency_ms: from the write to the sound at the microphone, the microphone's own delay taken out.
        delay_ms: the same from when the speaker says that it was heard: what an echo canceller must wait.
        sweep_dbfs, voice_dbfs: how loud they were.
        above_noise_db: the sweep over the room.
        peak_dbfs: of all that was recorded.
        clipped_share: of the sweep's samples, 0 to 1.
        distortion_percent: second and third harmonic against the sound itself.
        bands: frequency response, roughly.
    """

    latency_ms: float
    delay_ms: float
    sweep_dbfs: float
    voice_dbfs: float
    above_noise_db: float
    peak_dbfs: float
    clipped_share: float
    distortion_percent: float
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. `echo`: None when the sweep was not found. `noise_dbfs`: the room before anything played.

    `silent`: the microphone gave zeros only.
    """

    noise_dbfs: float
    silent: bool
    underruns: int
    overruns: int
    echo: Echo | None


def measure(take: Take, sweep: Sweep) -> Figures:
    """All figures of a take."""
    recording = take.recording
    before = recording[: max(0, round((take.written_s - take.began_s) * RATE_HZ))]
    noise_dbfs = rms_dbfs(before)
    response = sweep.response(to_float32(recording))
    at = _arrival(response, len(recording))
    return Figures(
        noise_dbfs=noise_dbfs,
        silent=not recording.any(),
        underruns=take.underruns,
        overruns=take.overruns,
        echo=None if at is None else _echo(take, sweep, response, at, noise_dbfs),
    )


def _arrival(response: Response, length: int) -> int | None:
    """Where the sweep begins in the recording: its direct sound, not a louder wall's."""
    sizes = np.abs(response)
    usual = _noise_of(response, length)
    loudest = int(sizes[:length].argmax()) if length else 0
    if not usual or sizes[loudest] < usual * 10 ** (FOUND_DB / 20):
        return None
    first = max(0, loudest - _DIRECT_BEFORE)
    return first + int(np.flatnonzero(sizes[first : loudest + 1] >= _DIRECT_SHARE * sizes[loudest])[0])


def _noise_of(response: Response, length: int) -> float:
    """Root mean square of what is in the response at all times: a median does not see the response itself."""
    return float(np.median(np.abs(response[:length]))) / 0.6745 if length else 0.0


def _echo(take: Take, sweep: Sweep, response: Response, at: int, noise_dbfs: float) -> Echo:
    heard_s = take.began_s + at / RATE_HZ
    swept = take.recording[at : at + round(sweep.length_s * RATE_HZ)]
    voice_at = at + round(take.voice_after_s * RATE_HZ)
    voice = take.recording[voice_at : voice_at + round(take.voice_s * RATE_HZ)]
    sweep_dbfs = _without(rms_dbfs(swept), noise_dbfs)
    return Echo(
        latency_ms=(heard_s - take.written_s) * 1000,
        delay_ms=(heard_s - take.dated_s) * 1000,
        sweep_dbfs=sweep_dbfs,
        voice_dbfs=_without(rms_dbfs(voice), noise_dbfs),
        above_noise_db=sweep_dbfs - noise_dbfs,
        peak_dbfs=peak_dbfs(take.recording),
        clipped_share=float(np.mean(np.abs(swept.astype(np.int32)) >= _CUT)),
        distortion_percent=_distortion(response, at, sweep, _noise_of(response, len(take.recording))),
        bands=tuple(_bands(response, at)),
    )


def _without(level_dbfs: float, noise_dbfs: float) -> float:
    """The level of a sound from that of the sound with noise."""
    power = float(10 ** (level_dbfs / 10) - 10 ** (noise_dbfs / 10))
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS


def _distortion(response: Response, at: int, sweep: Sweep, noise: float) -> float:
    def energy(begin: int, end: int) -> float:
        piece = response[np.arange(begin, end) % len(response)]
        return max(0.0, float(piece @ piece) - noise**2 * len(piece))

    itself = energy(at - _BEFORE, at + _DIRECT)
    centres = (at - sweep.harmonic_lead(order) for order in _HARMONICS)
    harmonics = sum(energy(centre - _HARMONIC, centre + _HARMONIC) for centre in centres)
    return 100 * math.sqrt(harmonics / itself) if itself else 0.0


def _bands(response: Response, at: int) -> Iterator[Band]:
    """The response by octaves."""
    piece = response[np.arange(at - _BEFORE, at + _ROOM) % len(response)]
    power = np.abs(np.fft.rfft(piece)) ** 2
    hz = np.fft.rfftfreq(len(piece), 1 / RATE_HZ)
    edges = [125.0 * 2**octave for octave in range(6)] + [HIGH_HZ / 2**0.25]
    edges[0] = max(edges[0], LOW_HZ * 2**0.25)
    means = [float(power[(hz >= low) & (hz < high)].mean()) for low, high in pairwise(edges)]
    strongest = max(means)
    for (low, high), mean in zip(pairwise(edges), means, strict=True):
        yield Band(round(low), round(high), 10 * math.log10(max(mean, 1e-12 * strongest) / strongest))


def findings(figures: Figures, volume_percent: int = 100) -> list[str]:
    """What is wrong and what to change, in plain words; empty when all is well."""
    if figures.silent:
        return ["the microphone gives nothing but zeros: it is muted, or the wrong one; see satellite --test-mic"]
    found = []
    if figures.underruns:
        found.append(f"the speaker ran dry {figures.underruns} times: raise speaker.buffer_ms")
    if figures.overruns:
        found.append(f"the microphone lost sound {figures.overruns} times, so the figures are doubtful: try again")
    if figures.echo is None:
        found.append(
            "the microphone does not hear the speaker: it is the wrong device, switched off, muted or far too quiet"
            + _at_volume(volume_percent)
        )
    else:
        found += _about(figures.echo, volume_percent)
    return found


def _about(echo: Echo, volume_percent: int) -> Sequence[str]:
    found = []
    if echo.clipped_share > CLIPPED_SHARE:
        found.append(
            f"the microphone is overdriven by the speaker ({echo.clipped_share:.1%} of the samples are cut): lower the "
            "speaker's volume or the microphone's capture volume by about 6 dB"
        )
    elif echo.distortion_percent > DISTORTED_PERCENT and echo.above_noise_db >= QUIET_DB:
        found.append(
            f"the speaker distorts ({echo.distortion_percent:.0f} %): lower its volume by about 6 dB, at the amplifier "
            "or in alsamixer"
        )
    if echo.above_noise_db < QUIET_DB:
        more_db = round(GOOD_DB - echo.above_noise_db)
        found.append(
            f"the speaker is too quiet, {echo.above_noise_db:.0f} dB over the room: raise its volume by about "
            f"{more_db} dB, or bring them closer together" + _at_volume(volume_percent)
        )
    if echo.latency_ms > SLOW_S * 1000:
        found.append(
            f"sound is heard {echo.latency_ms:.0f} ms after it was written: lower speaker.buffer_ms, or name the card "
            "instead of a sound server"
        )
    return found


def _at_volume(percent: int) -> str:
    return f" (speaker.volume is {percent} %)" if percent < 100 else ""
