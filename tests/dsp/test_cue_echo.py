"""Cues are taken out of a command: the echo goes, the voice stays, nothing is lost and nothing waits for long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from echo_room import BEGIN_S, READ, Room, writes
from hypothesis import given, settings
from hypothesis import strategies as st
from speech import clip

from satellite.core.audio import RATE_HZ, Int16, samples_in
from satellite.dsp.cue_echo import CueCanceller
from satellite.dsp.cues import CUE_RATE_HZ, make_cue
from satellite.dsp.reference import Reference

SECONDS = 4
AT_S = 0.5
USUAL = Room(delay_s=0.04)


def silent(seconds: float, rate_hz: int = RATE_HZ) -> Int16:
    return np.zeros(round(seconds * rate_hz), np.int16)


def cue_at(*times_s: float, cue: Int16 | None = None) -> Int16:
    """What the speaker plays."""
    played, sound = silent(SECONDS, CUE_RATE_HZ), make_cue("awake") if cue is None else cue
    for time_s in times_s:
        played[round(time_s * CUE_RATE_HZ) :][: len(sound)] += sound
    return played


def command(begin_s: float) -> Int16:
    said = clip("kitchen_light") // 3
    sound = silent(SECONDS)
    sound[round(begin_s * RATE_HZ) :][: len(said)] = said
    return sound


def heard(played: Int16, room: Room, near: Int16 | int = 0, gain: float = 1.0) -> Int16:
    sound = room.echo(played, gain)[: SECONDS * RATE_HZ] + near
    return np.rint(sound + np.random.default_rng(2).normal(0, room.noise, len(sound))).clip(-32768, 32767).astype("<i2")


class Rig:
    """A canceller, and what it hears of a microphone and a speaker."""

    def __init__(self, played: Int16, room: Room) -> None:
        self.reference = Reference()
        self.cues = CueCanceller(self.reference)
        self.most_held = 0
        self._schedule = writes(played, room, self.reference)
        self._write_s = next(self._schedule, np.inf)

    def hear(self, microphone: Int16, cuts: Iterable[int] | None = None, *, wanted: bool = True) -> Int16:
        """All of it, cut there or into the reads of a card; then the input is over."""
        return np.concatenate((self.hear_on(microphone, cuts, wanted=wanted), self.cues.flush()))

    def hear_on(self, microphone: Int16, cuts: Iterable[int] | None = None, *, wanted: bool = True) -> Int16:
        """The same, and the input goes on."""
        places = sorted(cuts) if cuts is not None else range(READ, len(microphone), READ)
        passed, begin = [], 0
        for end in [*places, len(microphone)]:
            now_s = BEGIN_S + end / RATE_HZ
            while self._write_s <= now_s:
                self._write_s = next(self._schedule, np.inf)
            passed.append(self.cues.process(microphone[begin:end], now_s, wanted=wanted))
            self.most_held = max(self.most_held, self.cues.held)
            begin = end
        return np.concatenate(passed)


def lowered_db(echo: Int16, rest: Int16, begin_s: float = AT_S) -> float:
    span = slice(round(begin_s * RATE_HZ), round((begin_s + 1) * RATE_HZ))
    powers = [float(np.mean(sound[span].astype(np.float64) ** 2)) for sound in (echo, rest)]
    return 10 * np.log10(powers[0] / powers[1])


@pytest.mark.parametrize("delay_ms", [5, 40, 60])
@pytest.mark.parametrize("ppm", [0.0, 100.0])
def test_the_very_first_cue_is_lowered_by_15_db(delay_ms: int, ppm: float) -> None:
    played, room = cue_at(AT_S), Room(delay_s=delay_ms / 1000, ppm=ppm, noise=3)
    microphone = heard(played, room)
    assert lowered_db(microphone, Rig(played, room).hear(microphone)) > 15


@pytest.mark.parametrize("delay_ms", [150, 600])
def test_an_unusual_delay_is_found_by_the_first_cue_and_the_next_is_lowered(delay_ms: int) -> None:
    played, room = cue_at(0.1, 2.0), Room(delay_s=delay_ms / 1000, noise=3)
    microphone, rig = heard(played, room), Rig(played, room)
    left = rig.hear(microphone)
    assert rig.cues.statistics().delay_ms == pytest.approx(delay_ms, abs=10)
    assert lowered_db(microphone, left, 2.0) > 15


@pytest.mark.parametrize("begin_s", [0.45, 0.6, 0.75])
def test_what_is_said_over_the_cue_stays_and_the_cue_goes(begin_s: float) -> None:
    played, near = cue_at(AT_S), command(begin_s)
    microphone = heard(played, USUAL, near)
    left = Rig(played, USUAL).hear(microphone)
    assert lowered_db(microphone - near, left - near) > 12
    target, over = near.astype(np.float64), left.astype(np.float64)
    assert 20 * np.log10(float(over @ target) / float(target @ target)) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("after_s", [-0.05, 0.0, 0.05])
@pytest.mark.parametrize("at_s", [AT_S, 2.5])
def test_the_first_and_the_second_are_lowered_by_18_db_under_a_voice_as_loud(at_s: float, after_s: float) -> None:
    played, near = cue_at(AT_S, 2.5), 2 * command(at_s + after_s)
    microphone, rig = heard(played, USUAL, near), Rig(played, USUAL)
    left = rig.hear(microphone)
    assert rig.cues.statistics().pieces == 2
    assert lowered_db(microphone - near, left - near, at_s) > 18


@pytest.mark.parametrize("moved_ms", [-8, 8])
def test_when_the_card_plays_a_little_later_or_earlier_than_before_the_next_cue_goes_too(moved_ms: int) -> None:
    played, near = cue_at(AT_S, 2.5), command(2.55) * 2
    before, after = heard(played, USUAL, near), heard(played, replace(USUAL, delay_s=0.04 + moved_ms / 1000), near)
    microphone = np.concatenate((before[: 2 * RATE_HZ], after[2 * RATE_HZ :]))
    left = Rig(played, USUAL).hear(microphone)
    assert lowered_db(microphone - near, left - near, 2.5) > 18


@pytest.mark.parametrize("begin_s", [0.45, 0.6, 0.75])
def test_without_an_echo_the_command_is_untouched(begin_s: float) -> None:
    played = cue_at(AT_S)
    microphone = heard(played, USUAL, command(begin_s), gain=0.0)
    np.testing.assert_array_equal(Rig(played, USUAL).hear(microphone), microphone)


def test_a_peak_that_is_cut_off_does_not_keep_the_cue_in_the_command() -> None:
    played = cue_at(AT_S)
    microphone = heard(played, USUAL, gain=15.0)
    assert microphone.min() == -32_768
    assert lowered_db(microphone, Rig(played, USUAL).hear(microphone)) > 20


def test_an_echo_that_overdrives_the_microphone_stays_as_it_is() -> None:
    played = cue_at(AT_S)
    microphone, rig = heard(played, USUAL, gain=25.0), Rig(played, USUAL)
    np.testing.assert_array_equal(rig.hear(microphone), microphone)
    assert rig.most_held > 0


def test_it_holds_back_for_at_most_330_ms_and_only_while_the_cue_sounds() -> None:
    played = cue_at(AT_S)
    microphone, rig = heard(played, USUAL), Rig(played, USUAL)
    left = rig.hear(microphone)
    assert samples_in(200) < rig.most_held <= samples_in(330)
    before, after = round(0.5 * RATE_HZ), round(0.85 * RATE_HZ)
    np.testing.assert_array_equal(left[:before], microphone[:before])
    np.testing.assert_array_equal(left[after:], microphone[after:])
    assert not np.array_equal(left, microphone)


def test_an_endless_sound_is_held_back_no_longer_either() -> None:
    song = make_cue("timer")
    played = cue_at(0.1, 0.9, 1.7, cue=np.concatenate((song, song // 2)))
    microphone, rig = heard(played, USUAL), Rig(played, USUAL)
    left = rig.hear(microphone)
    assert len(left) == len(microphone)
    assert rig.most_held <= samples_in(330)
    assert rig.cues.statistics().pieces > 3
    assert lowered_db(microphone, left, 1.7) > 10


def test_outside_a_command_everything_passes_as_it_is() -> None:
    played = cue_at(AT_S)
    microphone, rig = heard(played, USUAL), Rig(played, USUAL)
    np.testing.assert_array_equal(rig.hear(microphone, wanted=False), microphone)
    assert rig.cues.statistics().pieces == 0


def test_when_the_command_is_over_what_was_held_comes_at_once_and_as_it_is() -> None:
    played = cue_at(AT_S)
    microphone, rig = heard(played, USUAL), Rig(played, USUAL)
    middle = round((AT_S + 0.15) * RATE_HZ)
    passed = rig.hear_on(microphone[:middle])
    assert len(passed) + rig.cues.held == middle
    assert rig.cues.held > 0
    rest = rig.cues.process(microphone[:0], BEGIN_S + middle / RATE_HZ, wanted=False)
    assert rig.cues.held == 0
    np.testing.assert_array_equal(np.concatenate((passed, rest)), microphone[:middle])


def test_before_a_gap_what_was_held_comes_as_it_is() -> None:
    played = cue_at(AT_S)
    microphone, rig = heard(played, USUAL), Rig(played, USUAL)
    middle = round((AT_S + 0.15) * RATE_HZ)
    passed = np.concatenate((rig.hear_on(microphone[:middle]), rig.cues.lost(1_600)))
    np.testing.assert_array_equal(passed, microphone[:middle])
    assert rig.cues.held == 0


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, SECONDS * RATE_HZ), max_size=40))
def test_any_cutting_gives_the_same_samples_and_as_many(cuts: list[int]) -> None:
    played = cue_at(AT_S)
    microphone = heard(played, USUAL, command(0.6))
    every = [*cuts, *range(1_600, SECONDS * RATE_HZ, 1_600)]
    whole, pieces = (Rig(played, USUAL).hear(microphone, at) for at in (every[len(cuts) :], every))
    assert len(whole) == len(microphone)
    assert not np.array_equal(whole, microphone)
    np.testing.assert_array_equal(whole, pieces)
