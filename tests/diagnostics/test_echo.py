"""Made rooms: what the microphone would have heard, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from satellite.codec.wav import read_wav
from satellite.core.audio import RATE_HZ, Int16, to_int16
from satellite.diagnostics.echo import Echo, Figures, Take, findings, measure
from satellite.dsp.level import rms_dbfs
from satellite.dsp.sweep import Sweep

DATA = Path(__file__).parent.parent / "data"
SWEEP = Sweep(1.0)
VOICE_AFTER_S, VOICE_S = 1.5, 1.0
WRITTEN_S, DATED_S = 101.0, 101.1


def played(gain: float) -> np.ndarray:
    """Sweep, pause and a voice that is noise, at a microphone without a room."""
    voice = np.random.default_rng(7).normal(0, 0.2, round(VOICE_S * RATE_HZ))
    pause = np.zeros(round((VOICE_AFTER_S - SWEEP.length_s) * RATE_HZ))
    return np.asarray(gain * np.concatenate((SWEEP.samples(RATE_HZ), pause, voice)))


def room(sound: np.ndarray, *, delay_s: float = 0.25, noise: float = 10, seed: int = 1) -> Int16:
    """What the microphone records from a second before the sound is written on."""
    air = np.random.default_rng(seed).normal(0, noise / 32_768, 5 * RATE_HZ)
    at = round((1 + delay_s) * RATE_HZ)
    air[at : at + len(sound)] += sound
    return to_int16(air)


def figures(recording: Int16) -> Figures:
    return measure(Take(recording, 100.0, WRITTEN_S, DATED_S, VOICE_AFTER_S, VOICE_S, 0, 0), SWEEP)


def echo(recording: Int16) -> Echo:
    found = figures(recording).echo
    assert found
    return found


@pytest.mark.parametrize("delay_s", [0.1, 0.25, 0.8])
@pytest.mark.parametrize("noise", [3, 300])
def test_the_delay_is_found_in_every_room(delay_s: float, noise: float) -> None:
    heard = echo(room(played(0.25), delay_s=delay_s, noise=noise))
    assert heard.latency_ms == pytest.approx(1000 * delay_s, abs=0.1)
    assert heard.delay_ms == pytest.approx(1000 * (delay_s - 0.1), abs=0.1)


def test_the_direct_sound_counts_not_the_louder_wall() -> None:
    direct, wall = room(played(0.2), noise=0), room(played(0.3), delay_s=0.26, noise=0)
    assert echo(direct + wall).latency_ms == pytest.approx(250, abs=0.1)


@pytest.mark.parametrize("gain", [0.02, 0.25, 0.7])
def test_loudness_is_told_without_the_noise(gain: float) -> None:
    sound = played(gain)
    heard = figures(room(sound, noise=100))
    assert heard.echo
    assert heard.noise_dbfs == pytest.approx(20 * np.log10(100 / 32_768), abs=0.2)
    assert heard.echo.sweep_dbfs == pytest.approx(rms_dbfs(to_int16(sound[:RATE_HZ])), abs=0.3)
    assert heard.echo.voice_dbfs == pytest.approx(rms_dbfs(to_int16(sound[-RATE_HZ:])), abs=0.3)
    assert heard.echo.above_noise_db == pytest.approx(heard.echo.sweep_dbfs - heard.noise_dbfs)


def test_a_good_speaker_has_no_findings() -> None:
    heard = figures(room(played(0.25)))
    assert findings(heard) == []
    assert heard.echo
    assert heard.echo.distortion_percent < 0.5
    assert all(abs(band.level_db) < 0.5 for band in heard.echo.bands)


def test_a_small_speaker_lacks_bass() -> None:
    sound = played(0.25)
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE_HZ) < 500] *= 0.1
    levels = [band.level_db for band in echo(room(np.fft.irfft(spectrum, len(sound)))).bands]
    assert levels[:2] == pytest.approx([-20, -20], abs=4)
    assert levels[2:] == pytest.approx([0, 0, 0, 0], abs=2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [1, 3_000])
def test_noise_alone_is_no_echo(seed: int, noise: float) -> None:
    heard = figures(room(np.zeros(0), noise=noise, seed=seed))
    assert heard.echo is None
    (finding,) = findings(heard)
    assert "the microphone does not hear the speaker: it is the wrong device, switched off, muted" in finding


def test_other_voices_are_no_echo() -> None:
    for clip in sorted(DATA.glob("*.wav")):
        _, pcm = read_wav(clip)
        assert figures(np.resize(np.frombuffer(pcm, "<i2"), 5 * RATE_HZ)).echo is None


def test_the_configured_volume_is_named_when_it_may_be_the_reason() -> None:
    heard = figures(room(np.zeros(0)))
    assert findings(heard, 30)[0].endswith("(speaker.volume is 30 %)")


def test_zeros_are_the_microphones_fault() -> None:
    (finding,) = findings(figures(np.zeros(5 * RATE_HZ, np.int16)))
    assert "nothing but zeros" in finding


def test_an_empty_recording_is_no_echo() -> None:
    assert figures(np.zeros(0, np.int16)).echo is None


def test_too_quiet_says_how_much_louder() -> None:
    heard = figures(room(played(0.01), noise=50))
    assert heard.echo
    wanted_db = round(20 - heard.echo.above_noise_db)
    (finding,) = findings(heard)
    assert f"the speaker is too quiet, {heard.echo.above_noise_db:.0f} dB over the room" in finding
    assert f"raise its volume by about {wanted_db} dB" in finding
    assert 5 < wanted_db < 30


def test_cut_samples_are_the_microphones_not_the_speakers() -> None:
    (finding,) = findings(figures(room(played(2.0))))
    assert "the microphone is overdriven by the speaker" in finding


@pytest.mark.parametrize("bend", [lambda x: np.clip(x, -0.1, 0.1), lambda x: x + 2 * x**2], ids=["clips", "bends"])
def test_a_speaker_that_distorts_is_told(bend: object) -> None:
    assert callable(bend)
    (finding,) = findings(figures(room(bend(played(0.25)))))
    assert finding.startswith("the speaker distorts (")


def test_late_sound_is_told() -> None:
    (finding,) = findings(figures(room(played(0.25), delay_s=0.8)))
    assert "sound is heard 800 ms after it was written" in finding


def test_lost_sound_is_told_before_all_else() -> None:
    heard = replace(figures(room(played(0.25))), underruns=2, overruns=1)
    assert [finding.split(" ", 3)[1] for finding in findings(heard)] == ["speaker", "microphone"]
