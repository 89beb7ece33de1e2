"""A cue in a room is found, and fitted, by its sound alone; what is none is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from echo_room import Room, voice
from speech import clip

from satellite.core.audio import RATE_HZ, Float32, samples_in
from satellite.dsp.cues import make_cue
from satellite.dsp.one_shot import find_lag, fit_echo

TAPS = samples_in(180)
PLAIN = Room()
CUE = make_cue("awake", RATE_HZ).astype(np.float32)


def played(cue: Float32 = CUE) -> Float32:
    """With as much before and after it as a fit needs."""
    silence = np.zeros(TAPS - 1, np.float32)
    return np.concatenate((silence, cue, silence))


def echoed(cue: Float32 = CUE, room: Room = PLAIN) -> Float32:
    """By a room without any delay."""
    return np.convolve(cue, room.response())[: len(played(cue)) - TAPS + 1].astype(np.float32)


def below_db(rest: Float32, whole: Float32) -> float:
    return 10 * np.log10(float(whole @ whole) / float(rest @ rest))


@pytest.mark.parametrize("direct_db", [-10.0, 0.0, 10.0])
def test_the_echo_of_a_cue_is_fitted_to_18_db(direct_db: float) -> None:
    echo = echoed(room=Room(direct_db=direct_db))
    assert below_db(echo - fit_echo(played(), echo, TAPS), echo) > 18


@pytest.mark.parametrize("loud", [1, 1_000, 32_767])
@pytest.mark.parametrize("heard", [1, 1_000, 32_767])
def test_how_loud_it_is_played_and_heard_does_not_matter(loud: int, heard: int) -> None:
    cue = (8 * loud / np.abs(CUE).max() * CUE).clip(-loud, loud).astype(np.float32)
    echo = echoed(cue) * np.float32(heard / np.abs(echoed(cue)).max())
    assert below_db(echo - fit_echo(played(cue), echo, TAPS), echo) > 15


def test_who_speaks_meanwhile_stays_and_the_echo_goes() -> None:
    echo = 5 * echoed()
    near = voice(1)[: len(echo)].astype(np.float32)
    fitted = fit_echo(played(), echo + near, TAPS)
    assert below_db(echo - fitted, echo) > 15
    assert below_db(echo - fitted, near) > 6


@pytest.mark.parametrize("said", ["kitchen_light", "what_time", "timer", "open_door"])
@pytest.mark.parametrize("begin_ms", [0, 100, 300])
def test_of_the_awake_sound_15_db_go_under_a_voice_as_loud(said: str, begin_ms: int) -> None:
    echo = echoed()
    near = clip(said)[samples_in(begin_ms) :][: len(echo)].astype(np.float32)
    near *= np.sqrt(float(echo @ echo) / float(near @ near))
    assert below_db(echo - fit_echo(played(), echo + near, TAPS), echo) > 15


@pytest.mark.parametrize("said", ["kitchen_light", "what_time", "timer", "open_door"])
@pytest.mark.parametrize("begin_ms", [0, 100, 300])
def test_where_there_is_no_echo_a_voice_is_untouched(said: str, begin_ms: int) -> None:
    near = clip(said)[samples_in(begin_ms) :][: len(echoed())].astype(np.float32)
    assert not fit_echo(played(), near, TAPS).any()


def test_of_a_broad_sound_without_an_echo_nothing_is_taken_for_one() -> None:
    cue, near = clip("timer")[:4_000].astype(np.float32), clip("open_door")[:4_000].astype(np.float32)
    whole = np.concatenate((np.zeros(TAPS - 1, np.float32), cue))
    assert not fit_echo(whole, near, TAPS).any()


def test_a_broad_sound_that_is_all_there_is_to_hear_is_fitted_too() -> None:
    cue = clip("timer")[:4_000].astype(np.float32)
    echo = echoed(cue)
    assert below_db(echo - fit_echo(played(cue), echo, TAPS), echo) > 10


@pytest.mark.parametrize("silent", [CUE * 0, CUE])
def test_silence_has_no_echo(silent: Float32) -> None:
    heard = np.zeros(len(echoed()), np.float32)
    np.testing.assert_array_equal(fit_echo(played(silent), heard, TAPS), heard)


@pytest.mark.parametrize("delay_ms", [0, 35, 200, 700])
@pytest.mark.parametrize("direct_db", [-10.0, 0.0, 10.0])
@pytest.mark.parametrize("speech", [0.0, 0.3])
def test_the_delay_of_a_cue_is_found_to_20_ms(delay_ms: int, direct_db: float, speech: float) -> None:
    heard, echo = speech * voice(1, seed=5).astype(np.float32), echoed(room=Room(direct_db=direct_db))
    begin = samples_in(50 + delay_ms)
    heard[begin : begin + len(echo)] += echo[: len(heard) - begin]
    found = find_lag(CUE, heard)
    assert found.samples * 1000 / RATE_HZ - 50 == pytest.approx(delay_ms, abs=20)
    assert found.clear > 0.2


@pytest.mark.parametrize("decay_s", [0.25, 0.5, 0.8])
def test_however_long_a_room_reverberates_the_delay_of_a_tone_stays_as_it_is(decay_s: float) -> None:
    heard, echo = np.zeros(RATE_HZ, np.float32), echoed(room=Room(decay_s=decay_s))
    begin = samples_in(200)
    heard[begin : begin + len(echo)] += echo
    assert find_lag(CUE, heard).samples * 1000 / RATE_HZ == pytest.approx(200, abs=5)


def test_a_voice_is_not_clearly_a_cue() -> None:
    assert find_lag(CUE, voice(1, seed=6).astype(np.float32)).clear < 0.2


@pytest.mark.parametrize("begin_ms", [None, 500])
def test_where_nothing_is_heard_nothing_is_clearly_a_cue(begin_ms: int | None) -> None:
    heard = np.zeros(RATE_HZ, np.float32)
    if begin_ms is not None:
        heard[samples_in(begin_ms)] = 1
    assert find_lag(CUE, heard).clear < 0.2
