from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import clipped, noise, silence, tone, with_dc

from satellite.config import ProcessingConfig
from satellite.core.audio import RATE_HZ, Int16
from satellite.core.errors import EngineMissing
from satellite.dsp import webrtc
from satellite.dsp.level import peak_dbfs, rms_dbfs
from satellite.dsp.processing import Processing

# A busy machine may be slow at any moment.
PATIENT = settings(deadline=None, max_examples=25)
NOTHING = ProcessingConfig()
WAYS = {
    "nothing": NOTHING,
    "high-pass": ProcessingConfig(high_pass_hz=20),
    "slow gain": ProcessingConfig(agc="slow"),
    "limiter": ProcessingConfig(limiter=True),
    "peak": ProcessingConfig(peak_normalise=True),
    "all of ours": ProcessingConfig(high_pass_hz=80, agc="slow"),
}
if not webrtc.missing():
    WAYS |= {
        "noise suppression": ProcessingConfig(noise_suppression="high"),
        "WebRTC's gain": ProcessingConfig(agc="webrtc"),
        "everything": ProcessingConfig(high_pass_hz=20, noise_suppression="low", agc="slow"),
    }
every_way = pytest.mark.parametrize("config", WAYS.values(), ids=WAYS)


def passed(processing: Processing, sound: Int16, sizes: list[int] | None = None) -> Int16:
    """The whole sound, shape (n,), given in pieces of these sizes and then the rest."""
    pieces, at = [], 0
    for size in [*(sizes or []), len(sound)]:
        pieces.append(processing.process(sound[at : at + size, None]))
        at += size
    return np.concatenate([*pieces, processing.flush()])[:, 0]


@every_way
@PATIENT
@given(sizes=st.lists(st.integers(0, 700), max_size=20), length=st.integers(0, 8_000), gain_db=st.sampled_from([0, 9]))
def test_cutting_does_not_matter_and_every_sample_comes_out_once(
    config: ProcessingConfig, sizes: list[int], length: int, gain_db: float
) -> None:
    sound = np.concatenate([noise(0.2, -60), tone(300, 0.3, -12)])[:length]
    whole, cut = (Processing(config, gain_db=gain_db) for _ in range(2))
    expected = passed(whole, sound)
    assert len(expected) == len(sound)
    assert np.array_equal(passed(cut, sound, sizes), expected)
    assert cut.clipped == whole.clipped
    assert cut.held == 0


@every_way
@PATIENT
@given(sizes=st.lists(st.integers(0, 700), max_size=20))
def test_what_has_not_come_out_is_held_and_never_more_than_26_ms(config: ProcessingConfig, sizes: list[int]) -> None:
    processing, given_, got = Processing(config), 0, 0
    for size in sizes:
        got += len(processing.process(noise(0.1, -30)[:size, None]))
        given_ += size
        assert processing.held == given_ - got
        assert 0 <= processing.held < RATE_HZ // 1000 * 26


@every_way
def test_every_sample_stays_in_its_place(config: ProcessingConfig) -> None:
    sound = np.concatenate(
        [noise(0.5, -75), tone(300, 0.1, -20), noise(0.5, -75), tone(500, 0.1, -20), noise(0.3, -75)]
    )
    found = passed(Processing(config), sound).astype(np.float64)
    lags = [float(found[100 + lag : len(found) - 100 + lag] @ sound[100:-100]) for lag in range(-100, 101)]
    assert abs(int(np.argmax(lags)) - 100) <= 2


@every_way
def test_a_new_stream_after_a_flush_is_as_the_first_but_for_the_gain(config: ProcessingConfig) -> None:
    if config.agc != "off":
        config = replace(config, max_gain_db=0)
    processing, sound = Processing(config), noise(0.5, -30)
    first = passed(processing, sound)
    assert np.array_equal(passed(processing, sound), first)


@every_way
def test_after_silencing_nothing_that_was_said_before_comes_out(config: ProcessingConfig) -> None:
    processing, said = Processing(config), with_dc(tone(300, 0.205, -10))
    count = len(processing.process(said[:, None]))
    processing.silence()
    rest = np.concatenate([processing.process(silence(0.1)[:, None]), processing.flush()])
    assert not rest.any()
    assert count + len(rest) == len(said) + len(silence(0.1))


@every_way
def test_several_channels_stay_apart(config: ProcessingConfig) -> None:
    sound = np.stack([tone(300, 0.5, -20), silence(0.5)], axis=1)
    processing = Processing(config, channels=2)
    found = np.concatenate([processing.process(sound), processing.flush()])
    assert found.shape == sound.shape
    assert found[:, 0].any()
    assert np.abs(found[:, 1]).max() <= 1


def test_what_is_off_changes_no_bit_and_holds_nothing() -> None:
    processing, sound = Processing(NOTHING), noise(0.1, 0)[:, None]
    assert processing.process(sound) is sound
    assert not processing.learns


def test_an_offset_is_gone_from_the_first_sample_on_and_speech_is_not_touched() -> None:
    sound = np.concatenate([tone(hz, 1, -30) for hz in (100, 200, 1_000, 4_000)])
    found = passed(Processing(ProcessingConfig(high_pass_hz=20)), with_dc(sound, 3_000))
    assert np.abs(found[:160]).max() < 2 * np.abs(sound[:160]).max() + 2
    assert rms_dbfs(found) == pytest.approx(rms_dbfs(sound), abs=0.02)


def test_a_step_is_over_after_a_tenth_of_a_second() -> None:
    step = np.concatenate([silence(0.5), np.full(8_000, 5_000, np.int16)])
    found = passed(Processing(ProcessingConfig(high_pass_hz=20)), step)
    assert np.abs(found[8_000 + 1_600 :]).max() < 10


@pytest.mark.parametrize(("dbfs", "where_dbfs"), [(-50, -20), (-30, -18), (-8, -18)])
def test_quiet_and_loud_voices_come_near_the_target(dbfs: float, where_dbfs: float) -> None:
    sound = np.concatenate([noise(0.5, -80), tone(300, 7, dbfs)])
    found = passed(Processing(ProcessingConfig(agc="slow")), sound)
    assert rms_dbfs(found[-RATE_HZ:]) == pytest.approx(where_dbfs, abs=0.5)


def test_clipped_sound_and_a_sudden_shout_stay_below_the_ceiling() -> None:
    sound = np.concatenate([noise(0.5, -80), tone(300, 4, -45), clipped(tone(300, 1, -6)), noise(1, -5)])
    processing = Processing(ProcessingConfig(agc="slow"))
    assert peak_dbfs(passed(processing, sound)) <= -1
    assert processing.clipped == 0


def test_a_fixed_gain_is_limited_and_not_clipped_where_there_is_a_limiter() -> None:
    sound = tone(300, 1, -12)
    clipping, limiting = Processing(NOTHING, gain_db=20), Processing(ProcessingConfig(limiter=True), gain_db=20)
    assert peak_dbfs(passed(clipping, sound)) == pytest.approx(0, abs=0.001)
    assert peak_dbfs(passed(limiting, sound)) <= -1
    assert limiting.clipped == 0
    louder = np.rint(sound * 10.0)
    assert clipping.clipped == np.count_nonzero((louder > 32_767) | (louder < -32_768)) > 1_000


def test_told_of_the_voice_before_it_the_first_word_has_the_level_asked_for() -> None:
    before, sound = np.concatenate([noise(0.8, -75), tone(300, 0.7, -42)]), tone(400, 1, -42)
    told, untold = (Processing(ProcessingConfig(agc="slow")) for _ in range(2))
    told.begin(before[:, None], voice=True)
    untold.begin(before[:, None], voice=False)
    assert rms_dbfs(passed(told, sound)[:1_600]) == pytest.approx(-18, abs=0.5)
    assert rms_dbfs(passed(untold, sound)[:1_600]) < -34


def test_the_slow_gain_is_kept_for_the_next_stream() -> None:
    processing = Processing(ProcessingConfig(agc="slow"))
    processing.begin(np.concatenate([noise(0.8, -75), tone(300, 0.7, -42)])[:, None], voice=True)
    processing.begin(noise(1, -75)[:, None], voice=False)
    assert rms_dbfs(passed(processing, tone(400, 1, -42))[:1_600]) == pytest.approx(-18, abs=0.5)


@every_way
@pytest.mark.parametrize("count", [0, 1, 159, 160, 24_000])
def test_what_was_heard_before_does_not_come_out(config: ProcessingConfig, count: int) -> None:
    processing = Processing(config)
    processing.begin(tone(300, 2, -10)[:count, None], voice=True)
    assert processing.held == 0
    assert processing.clipped == 0
    sound = noise(0.3, -40)
    assert len(passed(processing, sound)) == len(sound)


def test_noise_suppression_at_a_rate_it_does_not_know_is_one_line() -> None:
    with pytest.raises(EngineMissing, match="noise_suppression: WebRTC runs at 16000, 32000 or 48000 Hz only"):
        Processing(ProcessingConfig(noise_suppression="low"), 22_050)
