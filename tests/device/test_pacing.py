"""Clocks, gaps and pauses."""

from __future__ import annotations

import random

from satellite.core.audio import RATE_HZ
from satellite.device.backoff import FIRST_S, LONGEST_S, Backoff
from satellite.device.gap import GapClock
from satellite.device.pacing import PlayClock


class Clock:
    """Time that a test moves."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_a_play_clock_starts_with_the_first_write_and_stops_when_dry() -> None:
    now = Clock()
    clock = PlayClock(1024, now)
    now.now_s += 1
    assert (clock.heard, clock.queued) == (0, 0)
    clock.wrote(100)
    now.now_s += 0.0625
    assert (clock.heard, clock.queued) == (64, 36)
    now.now_s += 10
    assert (clock.heard, clock.queued) == (100, 0)


def test_a_write_after_the_card_ran_dry_is_an_underrun_and_starts_anew() -> None:
    now = Clock()
    clock = PlayClock(1024, now)
    clock.wrote(100)
    now.now_s += 1
    clock.wrote(100)
    assert (clock.underruns, clock.queued) == (1, 100)


def test_resting_forgets_what_is_queued_and_is_no_underrun() -> None:
    now = Clock()
    clock = PlayClock(1024, now)
    clock.wrote(100)
    now.now_s += 0.03125
    assert clock.rest() == 68
    assert (clock.heard, clock.queued) == (32, 0)
    now.now_s += 5
    clock.wrote(10)
    assert (clock.underruns, clock.queued, clock.heard) == (0, 10, 32)


def test_pauses_double_up_to_the_longest_with_jitter_and_begin_anew() -> None:
    random.seed(1)
    backoff = Backoff()
    pauses = [backoff.pause_s() for _ in range(8)]
    for number, pause_s in enumerate(pauses):
        full_s = min(LONGEST_S, FIRST_S * 2**number)
        assert 0.75 * full_s <= pause_s <= full_s
    assert len(set(pauses)) == len(pauses)
    backoff.reset()
    assert backoff.pause_s() <= FIRST_S


def test_a_gap_is_what_should_have_come_less_what_came() -> None:
    gap = GapClock()
    gap.caught_up(10.0)
    gap.got(0.1)
    assert gap.close(12.0) == round(1.9 * RATE_HZ)


def test_before_the_first_sound_nothing_is_missing() -> None:
    assert GapClock().close(100.0) == 0


def test_after_a_gap_the_count_starts_anew() -> None:
    gap = GapClock()
    gap.caught_up(10.0)
    gap.close(12.0)
    assert gap.close(12.5) == round(0.5 * RATE_HZ)


def test_empty_reads_without_sound_between_do_not_shorten_a_gap() -> None:
    gap = GapClock()
    gap.caught_up(10.0)
    gap.caught_up(11.0)
    assert gap.close(12.0) == 2 * RATE_HZ


def test_a_device_whose_clock_is_slow_or_fast_does_not_add_up() -> None:
    for speed in (0.99, 1.01):
        gap = GapClock()
        gap.caught_up(0.0)
        for second in range(1, 3600):
            gap.got(speed)
            gap.caught_up(float(second))
        assert gap.close(3599.0) == 0


def test_more_sound_than_time_is_no_negative_gap() -> None:
    gap = GapClock()
    gap.caught_up(0.0)
    gap.got(5.0)
    assert gap.close(1.0) == 0
