from __future__ import annotations

import numpy as np
import pytest
from signals import noise, tone

from satellite.core.audio import RATE_HZ, Float32, Int16, to_float32
from satellite.core.errors import EngineMissing
from satellite.dsp import webrtc
from satellite.dsp.webrtc import GainController, NoiseSuppressor

needs_the_extra = pytest.mark.skipif(bool(webrtc.missing()), reason=webrtc.missing())


def passed(stage: NoiseSuppressor | GainController, sound: Int16, block: int = 160) -> Float32:
    loud = to_float32(sound[:, None])
    return np.concatenate([stage.process(loud[at : at + block]) for at in range(0, len(loud), block)])[:, 0]


def rms_dbfs(sound: Float32) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))))


def test_without_the_package_it_says_what_to_install() -> None:
    assert webrtc.missing("no_such_package") == (
        "needs the extra [webrtc]; run scripts/setup webrtc, or pip install 'satellite[webrtc]'"
    )


@pytest.mark.parametrize("make", [lambda: NoiseSuppressor("low", 44_100, 1), lambda: GainController(30, 8_000, 1)])
def test_a_rate_that_would_end_the_process_is_refused(make: type[NoiseSuppressor]) -> None:
    with pytest.raises(EngineMissing, match="16000, 32000 or 48000 Hz only"):
        make()


@needs_the_extra
@pytest.mark.parametrize(("level", "least_db"), [("low", 4), ("medium", 8), ("high", 13), ("highest", 15)])
def test_noise_is_pressed_down_by_what_the_level_says(level: str, least_db: float) -> None:
    sound = noise(4, -40)
    assert rms_dbfs(passed(NoiseSuppressor(level, RATE_HZ, 1), sound)[-RATE_HZ:]) < -40 - least_db


@needs_the_extra
@pytest.mark.parametrize("rate_hz", [16_000, 32_000, 48_000])
def test_it_delays_by_what_it_says(rate_hz: int) -> None:
    sound = np.zeros(rate_hz, np.int16)
    begin = rate_hz // 2
    sound[begin : begin + rate_hz // 10] = tone(400, 0.1, -10, rate_hz)
    stage = NoiseSuppressor("low", rate_hz, 1)
    found = passed(stage, sound, rate_hz // 100)
    lags = [float(found[lag:] @ to_float32(sound[: len(found) - lag])) for lag in range(2 * stage.delay)]
    assert int(np.argmax(lags)) == pytest.approx(stage.delay, abs=5)


@needs_the_extra
def test_its_gain_makes_a_quiet_voice_louder_and_never_clips() -> None:
    from speech import clip

    quiet = np.concatenate([np.rint(clip(name) * 0.03).astype(np.int16) for name in ("timer", "kitchen_light") * 3])
    stage = GainController(30, RATE_HZ, 1)
    louder = passed(stage, quiet[: len(quiet) // 160 * 160])
    assert rms_dbfs(louder[-RATE_HZ * 2 :]) > rms_dbfs(to_float32(quiet)[-RATE_HZ * 2 :]) + 10
    assert np.abs(louder).max() <= 1
