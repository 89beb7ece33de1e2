"""The clock beside the sound."""

from __future__ import annotations

from satellite.core.audio import RATE_HZ
from satellite.device.gap import GapClock


def test_what_is_missing_is_the_time_that_no_sound_came_for() -> None:
    gap = GapClock()
    assert gap.close(5.0) == 0
    gap.got(1.0)
    assert gap.close(6.5) == RATE_HZ // 2
    assert gap.close(6.5) == 0


def test_the_newest_sound_is_dated_before_now_while_more_of_it_waits() -> None:
    gap = GapClock()
    assert gap.newest_s(10.0) == 10.0
    gap.caught_up(10.0)
    gap.got(0.016)
    # The program was held up for a second and has read one period of it so far.
    assert gap.newest_s(11.0) == 10.016
    gap.got(0.984)
    gap.caught_up(11.0)
    assert gap.newest_s(11.0) == 11.0


def test_a_card_with_a_fast_clock_is_never_ahead_of_now() -> None:
    gap = GapClock()
    gap.caught_up(10.0)
    gap.got(2.0)
    assert gap.newest_s(11.0) == 11.0
