"""Timers survive a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.app.timers import TOO_LATE_S, Kept, Moment, restored, saved, shown
from satellite.core.events import TimerChanged
from satellite.session.timers import LONGEST_S, MOST, RING_AT_MOST_S, Alarm, Timer, Timers, step

TEA, EGGS = Timer("a", "tea", 160.0), Timer("b", "eggs", None, 30.0)
# A minute before the tea is ready.
THEN = Moment(now_s=100, wall_s=1_000_000, up_s=5_000, boot="one")
DAY_S = 86_400


def test_in_a_new_process_the_machines_own_clock_counts_and_what_rests_rests() -> None:
    entries = saved(Timers(running=(TEA, EGGS), connected=True), THEN)
    for wall_s in (THEN.wall_s + 20, THEN.wall_s - DAY_S, THEN.wall_s + DAY_S):
        after = restored(entries, Moment(now_s=5, wall_s=wall_s, up_s=5_020, boot="one"))
        assert after == Timers(running=(Timer("a", "tea", 45.0), EGGS))


@pytest.mark.parametrize(("wall_s", "due_s"), [(1_000_020, 45.0), (1_000_000 - DAY_S, 56.0)])
def test_after_a_new_start_of_the_machine_the_wall_clock_counts_but_no_timer_gets_longer(
    wall_s: float, due_s: float
) -> None:
    """Many boards have no clock that goes on: until the network tells the time, theirs is behind. 9 s it has run."""
    entries = saved(Timers(running=(TEA,)), THEN)
    assert restored(entries, Moment(5, wall_s, 9, "two")).running == (Timer("a", "tea", due_s),)


def test_where_it_is_not_known_which_start_it_is_no_timer_gets_longer_all_the_same() -> None:
    entries = saved(Timers(running=(TEA,)), THEN)
    assert restored(entries, Moment(5, 1_000_000 - DAY_S, 5_009, "")).running == (Timer("a", "tea", 65.0),)


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


def test_what_rings_rings_on_in_a_new_process_for_the_rest_of_its_time() -> None:
    alarms = (Alarm("a", "tea", 160.0, confirmed=True), Alarm("b", "eggs", 110.0, confirmed=False))
    entries = saved(Timers(alarms=alarms, rung=("b",), ring_at_s=101.0), THEN)
    for after in (Moment(5, 0, 5_020, "one"), Moment(5, THEN.wall_s + 20, 9, "two")):
        assert restored(entries, after) == Timers(
            alarms=(Alarm("a", "tea", 45.0, confirmed=True),), rung=("b",), ring_at_s=5
        )


def test_a_late_word_of_what_our_own_clock_rang_is_swallowed_after_a_restart_too() -> None:
    entries = saved(Timers(rung=("a", "b")), THEN)
    timers = restored(entries, Moment(5, 0, 5_020, "one"))
    assert step(timers, TimerChanged("finished", "a"), 6.0) == (Timers(rung=("b",)), [])


def test_what_has_rung_long_enough_is_silent_in_a_new_process() -> None:
    entries = saved(Timers(alarms=(Alarm("a", "tea", 160.0, confirmed=True),), ring_at_s=101.0), THEN)
    assert restored(entries, Moment(5, 0, 5_060, "one")) == Timers()


@pytest.mark.parametrize(
    "entry", [{"confirmed": True}, {"id": "a", "name": "x", "confirmed": True, "left_s": 5}, {"rung": 7}]
)
def test_alarms_that_were_never_saved_by_us_are_left_out(entry: dict[str, object]) -> None:
    assert restored([entry], THEN) == Timers()


def test_what_is_read_is_bounded() -> None:
    alarm = {"id": "a", "name": "x", "confirmed": "yes", "due_s": THEN.wall_s + RING_AT_MOST_S}
    after = restored([alarm, {"rung": "x" * 1_000}, {"id": "a", "name": "x", "left_s": 1}] * 100, THEN)
    assert (len(after.running), len(after.alarms), len(after.rung)) == (MOST, MOST, MOST)
    assert (after.alarms[0].confirmed, len(after.rung[0])) == (False, 200)
    assert not restored([{**alarm, "due_s": THEN.wall_s + RING_AT_MOST_S + 1}], THEN).alarms


def test_timers_are_kept_when_they_change_and_not_otherwise() -> None:
    kept = Kept([])
    assert kept.renewed(Timers()) is None
    assert kept.renewed(Timers(running=(TEA,), connected=True)) is not None
    assert kept.renewed(Timers(running=(TEA,))) is None
    rung = Timers(alarms=(Alarm("a", "tea", 999.0, confirmed=False),), rung=("a",), ring_at_s=1.0)
    assert [entry.get("rung") for entry in kept.renewed(rung) or []] == [None, "a"]
    assert kept.renewed(Timers(alarms=rung.alarms, rung=rung.rung, ring_at_s=3.0)) is None, "it only rang again"
    assert kept.renewed(Timers()) == []
    assert kept.renewed(Timers()) is None


def test_what_was_over_at_the_start_does_not_stay_on_disk_to_ring_at_another() -> None:
    kept = Kept(saved(Timers(running=(TEA,)), THEN))
    assert kept.renewed(Timers()) == []
    assert kept.renewed(Timers()) is None


VALUES = st.sampled_from(["a", "one", "", 0, 5_020, -1, 10**400, 1e300, float("nan"), float("inf"), True, None, [], {}])
KEYS = st.sampled_from(["id", "name", "left_s", "due_s", "boot", "up_s", "confirmed", "rung"])


@given(
    st.lists(
        st.dictionaries(KEYS, VALUES)
        | st.dictionaries(KEYS, VALUES).map(lambda entry: {**entry, "id": "a", "name": "b"})
    )
)
def test_whatever_stands_there_no_timer_takes_for_ever(entries: list[dict[str, object]]) -> None:
    timers = restored(entries, Moment(5, 1_000_000, 5_000, "one"))
    assert all(timer.due_s is None or timer.due_s <= 5 + LONGEST_S for timer in timers.running)
    assert all(5 < alarm.until_s <= 5 + RING_AT_MOST_S for alarm in timers.alarms)
    assert restored(saved(timers, THEN), THEN).rung == timers.rung
