"""Timers survive a restart."""

from __future__ import annotations

import pytest

from satellite.app.timers import TOO_LATE_S, restored, saved, shown
from satellite.session.timers import Alarm, Timer, Timers

TEA, EGGS = Timer("a", "tea", 160.0), Timer("b", "eggs", None, 30.0)


def test_what_runs_is_due_at_the_same_moment_of_the_day_and_what_rests_rests() -> None:
    entries = saved(Timers(running=(TEA, EGGS), connected=True), now_s=100, wall_s=1_000_000)
    after = restored(entries, now_s=5, wall_s=1_000_020)
    assert after == Timers(running=(Timer("a", "tea", 45.0), EGGS))


def test_what_was_over_while_we_were_off_rings_unless_it_is_long_ago() -> None:
    entries = saved(Timers(running=(TEA,)), now_s=100, wall_s=1_000_000)
    assert restored(entries, now_s=5, wall_s=1_000_060 + TOO_LATE_S - 1).running
    assert not restored(entries, now_s=5, wall_s=1_000_060 + TOO_LATE_S + 1).running


@pytest.mark.parametrize(
    "entry", [{}, {"id": 1, "name": "x", "due_s": 1}, {"id": "a", "name": "x"}, {"id": "a", "name": "x", "left_s": -1}]
)
def test_what_was_never_saved_by_us_is_left_out(entry: dict[str, object]) -> None:
    assert restored([entry], now_s=0, wall_s=0).running == ()


def test_the_status_shows_what_runs_and_what_rings() -> None:
    timers = Timers(running=(TEA, EGGS), alarms=(Alarm("c", "bread", 999.0, confirmed=False),))
    assert shown(timers, now_s=100) == {
        "running": [
            {"name": "tea", "left_s": 60.0, "paused": False},
            {"name": "eggs", "left_s": 30.0, "paused": True},
        ],
        "ringing": [{"name": "bread", "confirmed": False}],
    }
