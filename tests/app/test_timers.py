"""Timers survive a restart."""

from __future__ import annotations

import pytest

from satellite.app.timers import TOO_LATE_S, Moment, restored, saved, shown
from satellite.session.timers import LONGEST_S, Alarm, Timer, Timers

TEA, EGGS = Timer("a", "tea", 160.0), Timer("b", "eggs", None, 30.0)
# A minute before the tea is ready.
THEN = Moment(now_s=100, wall_s=1_000_000, up_s=5_000, boot="one")
DAY_S = 86_400


def test_in_a_new_process_the_machines_own_clock_counts_and_what_rests_rests() -> None:
    entries = saved(Timers(running=(TEA, EGGS), connected=True), THEN)
    for wall_s in (THEN.wall_s + 20, THEN.wall_s - DAY_S, THEN.wall_s + DAY_S):
        after = restored(entries, Moment(now_s=5, wall_s=wall_s, up_s=5_020, boot="one"))
        assert after == Timers(running=(Timer("a", "tea", 45.0), EGGS))


@pytest.mark.parametrize(("wall_s", "due_s"), [(1_000_020, 45.0), (1_000_000 - DAY_S, 65.0)])
def test_after_a_new_start_of_the_machine_the_wall_clock_counts_but_no_timer_gets_longer(
    wall_s: float, due_s: float
) -> None:
    """Many boards have no clock that goes on: until the network tells the time, theirs is behind."""
    entries = saved(Timers(running=(TEA,)), THEN)
    for boot in ("two", ""):
        assert restored(entries, Moment(5, wall_s, 9, boot)).running == (Timer("a", "tea", due_s),)


def test_where_the_kernel_names_no_start_none_is_taken_for_another() -> None:
    entries = saved(Timers(running=(TEA,)), Moment(100, 1_000_000, 5_000, ""))
    assert restored(entries, Moment(5, 1_000_020, 9, "")).running == (Timer("a", "tea", 45.0),)


def test_what_was_over_while_we_were_off_rings_unless_it_is_long_ago() -> None:
    entries = saved(Timers(running=(TEA,)), THEN)
    over = THEN.wall_s + 60 + TOO_LATE_S
    assert restored(entries, Moment(5, over - 1, 9, "two")).running
    assert not restored(entries, Moment(5, over + 1, 9, "two")).running


@pytest.mark.parametrize(
    "entry", [{}, {"id": 1, "name": "x", "due_s": 1}, {"id": "a", "name": "x"}, {"id": "a", "name": "x", "left_s": -1}]
)
def test_what_was_never_saved_by_us_is_left_out(entry: dict[str, object]) -> None:
    assert restored([entry], THEN).running == ()


def test_a_moment_that_is_not_told_whole_is_bounded_all_the_same() -> None:
    entry = {"id": "a", "name": "x", "due_s": 1e12, "boot": "one", "up_s": "soon"}
    assert restored([entry], THEN).running == (Timer("a", "x", THEN.now_s + LONGEST_S),)


def test_this_machine_has_a_present_moment() -> None:
    first, then = Moment.present(), Moment.present()
    assert first.boot == then.boot
    assert then.up_s >= first.up_s > 0


def test_the_status_shows_what_runs_and_what_rings() -> None:
    timers = Timers(running=(TEA, EGGS), alarms=(Alarm("c", "bread", 999.0, confirmed=False),))
    assert shown(timers, now_s=100) == {
        "running": [
            {"name": "tea", "left_s": 60.0, "paused": False},
            {"name": "eggs", "left_s": 30.0, "paused": True},
        ],
        "ringing": [{"name": "bread", "confirmed": False}],
    }
