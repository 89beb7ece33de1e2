from __future__ import annotations

import numpy as np
import pytest
from echo_room import Room, for_speaker, hear, voice
from signals import noise, tone

from satellite.core.audio import RATE_HZ, Float32, Int16, to_float32
from satellite.core.errors import EchoFailed, EngineMissing
from satellite.dsp import webrtc
from satellite.dsp.delay import find_delay
from satellite.dsp.echo import EchoCanceller as Canceller
from satellite.dsp.reference import Reference
from satellite.dsp.webrtc import EchoCanceller, GainController, NoiseSuppressor

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


# The echo canceller


@needs_the_extra
def test_with_nothing_played_a_voice_comes_out_a_block_later() -> None:
    canceller, silence, sound = EchoCanceller(), np.zeros(160, np.int16), voice(4)
    out = np.concatenate([canceller.process(sound[at : at + 160], silence) for at in range(0, len(sound), 160)])
    begin, end = 2 * RATE_HZ, 3 * RATE_HZ
    found = find_delay(out[begin:end], sound[begin:end], -800, 800)
    assert abs(found.samples - 160) <= 1


@needs_the_extra
def test_behind_the_dated_reference_the_echo_is_gone_and_its_delay_is_told() -> None:
    far, room, reference = voice(12), Room(delay_s=0.3), Reference()
    heard = np.rint(room.echo(for_speaker(far))[: len(far)]).astype(np.int16)
    echo = Canceller(reference, EchoCanceller())
    left = hear(for_speaker(far), heard, room, echo=echo, reference=reference)
    assert len(left) == len(heard)
    end = slice(8 * RATE_HZ, None)
    assert 20 * np.log10(np.std(heard[end]) / np.std(left[end])) > 20
    assert echo.statistics().delay_ms == pytest.approx(300, abs=1)
    assert not echo.statistics().off


@needs_the_extra
@pytest.mark.parametrize("size", [0, 1, 159, 161, 320])
def test_a_block_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="blocks of"):
        EchoCanceller().process(np.zeros(size, np.int16), np.zeros(160, np.int16))


@needs_the_extra
def test_what_the_package_cannot_take_is_told_as_a_failure_of_its_own() -> None:
    with pytest.raises(EchoFailed, match="WebRTC: "):
        EchoCanceller().process(np.zeros(160, np.complex128), np.zeros(160, np.int16))  # type: ignore[arg-type]
