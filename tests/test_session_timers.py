"""Timers, told as stories: what rings when, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.core.effects import Effect, PlayCue, StopCue
from satellite.core.events import (
    AlarmDismissed,
    Event,
    ServerConnected,
    ServerLost,
    ServerPaused,
    Tick,
    TimerChanged,
    WakeDetected,
)
from satellite.session.timers import (
    FORGOTTEN_S,
    LONGEST_S,
    MOST,
    OWN_CLOCK_S,
    RING_AT_MOST_S,
    RING_EVERY_S,
    Timers,
    step,
)

WAKE = WakeDetected("hey_jarvis", "Hey Jarvis", 0.9, 16_000, -55.0)
RING = PlayCue("timer")
STOP = StopCue("timer")


def started(seconds: float = 60, number: str = "a") -> TimerChanged:
    return TimerChanged("started", number, {"id": number, "total_seconds": seconds, "name": "tea"})


def finished(number: str = "a") -> TimerChanged:
    return TimerChanged("finished", number)


class Clock:
    """Timers under test, and a clock that ticks when they want it to."""

    def __init__(self, *, connected: bool = True) -> None:
        self.timers = Timers(connected=connected)
        self.now_s = 1_000.0

    def __call__(self, *events: Event) -> list[Effect]:
        effects: list[Effect] = []
        for event in events:
            self.timers, more = step(self.timers, event, self.now_s)
            effects += more
        return effects

    def after(self, seconds: float) -> list[Effect]:
        end, effects = self.now_s + seconds, []
        while self.timers.deadline_s is not None and self.timers.deadline_s <= end:
            self.now_s = max(self.now_s, self.timers.deadline_s)
            effects += self(Tick())
        self.now_s = end
        return effects


def test_home_assistants_word_rings_and_rings_again_until_a_wake_word() -> None:
    clock = Clock()
    assert clock(started()) == []
    assert clock.after(60) == []
    assert clock(finished()) == [RING]
    assert clock.after(3 * RING_EVERY_S) == [RING] * 3
    assert clock(WAKE) == [STOP]
    assert clock.after(60) == []
    assert clock.timers == Timers(connected=True)


def test_an_alarm_is_dismissed_by_the_owner_too() -> None:
    clock = Clock()
    clock(started(), finished())
    assert clock(AlarmDismissed()) == [STOP]
    assert clock.after(60) == []


@pytest.mark.parametrize("event", [WAKE, AlarmDismissed(), TimerChanged("cancelled", "a"), Tick()])
def test_what_does_not_ring_is_not_stopped(event: Event) -> None:
    clock = Clock()
    clock(started())
    assert clock(event) == []


def test_an_alarm_that_nobody_hears_ends_after_a_quarter_of_an_hour() -> None:
    clock = Clock()
    rings = clock(finished()) + clock.after(3_600)
    assert rings == [RING] * round(RING_AT_MOST_S / RING_EVERY_S) + [STOP]
    assert clock.timers.deadline_s is None


def test_a_timer_that_is_not_known_rings_when_it_is_finished() -> None:
    assert Clock()(finished("of before the restart")) == [RING]


def test_while_home_assistant_is_connected_our_own_clock_does_not_ring() -> None:
    clock = Clock()
    clock(started(5))
    assert clock.after(5 + FORGOTTEN_S + 1) == []
    assert clock.timers.running == ()


def test_a_timer_that_is_over_while_home_assistant_is_away_rings_by_our_own_clock_and_once() -> None:
    clock = Clock()
    clock(started(5), ServerLost(1, "gone"))
    assert clock.after(5 + OWN_CLOCK_S - 0.1) == []
    assert clock.after(0.2) == [RING]
    (alarm,) = clock.timers.alarms
    assert (alarm.name, alarm.confirmed) == ("tea", False)
    assert clock(ServerConnected(2, "peer"), finished()) == []
    clock(WAKE)
    assert clock.after(60) == []


def test_a_timer_that_was_over_while_home_assistant_was_away_rings_also_when_it_is_back_at_once() -> None:
    clock = Clock()
    clock(started(5), ServerLost(1, "gone"))
    assert clock.after(5.5) == []
    assert clock(ServerConnected(2, "peer")) == []
    assert clock.after(OWN_CLOCK_S) == [RING]
    assert not clock.timers.alarms[0].confirmed
    assert clock(finished()) == []


def test_a_timer_rings_by_our_own_clock_where_home_assistant_was_gone_before_anybody_noticed() -> None:
    """Without power it says nothing, and is given up some seconds later."""
    clock = Clock()
    clock(started(5))
    assert clock.after(12) == []
    assert clock(ServerLost(1, "silent for 8 s")) == [RING]
    assert not clock.timers.alarms[0].confirmed


def test_while_home_assistant_has_us_muted_a_timer_rings_by_its_word_or_by_our_own_clock() -> None:
    clock = Clock()
    clock(started(5), started(5, "b"), ServerPaused())
    assert clock.after(5) == []
    assert clock(finished()) == [RING]
    clock(AlarmDismissed())
    assert clock.after(OWN_CLOCK_S - 0.1) == []
    assert clock.after(0.2) == [RING]
    assert [alarm.id for alarm in clock.timers.alarms] == ["b"]


def test_what_home_assistant_says_of_it_when_it_is_back_counts() -> None:
    clock = Clock()
    clock(started(5), started(5, "b"), ServerLost(1, "gone"))
    clock.after(5.5)
    assert clock(ServerConnected(2, "peer"), TimerChanged("cancelled", "a"), finished("b")) == [RING]
    assert [(alarm.id, alarm.confirmed) for alarm in clock.timers.alarms] == [("b", True)]


def test_an_alarm_of_our_own_clock_is_taken_back_when_it_was_cancelled() -> None:
    clock = Clock(connected=False)
    clock(started(5))
    assert clock.after(8) == [RING]
    assert clock(ServerConnected(1, "peer"), TimerChanged("cancelled", "a")) == [STOP]
    assert clock.after(60) == []


def test_what_was_told_twice_rings_once_and_no_longer() -> None:
    clock = Clock()
    clock(finished())
    clock.after(RING_AT_MOST_S / 2)
    assert clock(finished()) == []
    (alarm,) = clock.timers.alarms
    assert alarm.until_s == clock.now_s + RING_AT_MOST_S / 2


def test_home_assistants_word_confirms_an_alarm_of_our_own_clock_that_still_rings() -> None:
    clock = Clock(connected=False)
    clock(started(5))
    clock.after(8)
    assert clock(ServerConnected(1, "peer"), finished()) == []
    assert [alarm.confirmed for alarm in clock.timers.alarms] == [True]


def test_a_timer_that_got_longer_while_home_assistant_was_away_rings_again_when_it_says_so() -> None:
    clock = Clock(connected=False)
    clock(started(5))
    assert clock.after(8) == [RING]
    more = TimerChanged("updated", "a", {"is_active": True, "total_seconds": 60})
    assert clock(ServerConnected(1, "peer"), more) == [STOP], "it is not over"
    assert clock.timers.running[0].name == "tea"
    assert clock.after(60) == []
    assert clock(finished()) == [RING]


def test_an_update_of_a_timer_that_is_not_known_is_kept_as_if_it_had_been_started() -> None:
    clock = Clock()
    clock(TimerChanged("updated", "a", {"is_active": True, "total_seconds": 60}), ServerLost(1, "gone"))
    assert clock.after(60 + OWN_CLOCK_S - 0.1) == []
    assert clock.after(0.2) == [RING]


def test_a_timer_whose_number_comes_again_rings_again() -> None:
    clock = Clock(connected=False)
    clock(started(5))
    clock.after(8)
    clock(AlarmDismissed(), ServerConnected(1, "peer"), started(5))
    assert clock(finished()) == [RING]


def test_a_paused_timer_does_not_ring_and_goes_on_with_what_is_left() -> None:
    clock = Clock(connected=False)
    clock(started(60), TimerChanged("updated", "a", {"is_active": False, "total_seconds": 50}))
    assert clock.after(600) == []
    clock(TimerChanged("updated", "a", {"is_active": True, "total_seconds": 50}))
    assert clock.after(50) == []
    assert clock.after(OWN_CLOCK_S + 0.1) == [RING]
    assert clock.timers.alarms[0].name == "tea"


def test_a_cancelled_timer_does_not_ring() -> None:
    clock = Clock(connected=False)
    clock(started(5), TimerChanged("cancelled", "a"))
    assert clock.after(60) == []


def test_two_alarms_ring_as_one_and_the_second_goes_on_when_the_first_is_cancelled() -> None:
    clock = Clock()
    assert clock(finished("a"), finished("b")) == [RING]
    assert clock(TimerChanged("cancelled", "a")) == []
    assert clock.after(RING_EVERY_S) == [RING]


@pytest.mark.parametrize("nonsense", [None, "60", True, float("nan"), float("inf"), -5, 1e12])
def test_a_length_that_cannot_be_is_bounded(nonsense: object) -> None:
    clock = Clock(connected=False)
    clock(TimerChanged("started", "a", {"total_seconds": nonsense, "name": 7}))
    (timer,) = clock.timers.running
    assert timer.due_s is not None
    assert 0 <= timer.due_s - clock.now_s <= LONGEST_S


def test_a_name_is_bounded_and_cannot_steer_a_terminal() -> None:
    clock = Clock()
    clock(TimerChanged("started", "a", {"total_seconds": 5, "name": "\x1b[2J" + "x" * 500}))
    assert clock.timers.running[0].name.startswith("?[2Jxxx")
    assert len(clock.timers.running[0].name) == 80


def test_what_is_kept_is_bounded() -> None:
    clock = Clock(connected=False)
    for number in range(10 * MOST):
        clock(started(5, str(number)), finished(f"x{number}"))
    clock.after(60)
    assert len(clock.timers.running) + len(clock.timers.rung) <= MOST
    assert len(clock.timers.alarms) <= MOST


EVENTS = [
    started(5),
    started(5, "b"),
    finished(),
    finished("b"),
    TimerChanged("updated", "a", {"is_active": False, "total_seconds": 3}),
    TimerChanged("cancelled", "b"),
    TimerChanged("of tomorrow", "a"),
    ServerConnected(1, "peer"),
    ServerLost(1, "gone"),
    ServerPaused(),
    WAKE,
    AlarmDismissed(),
    Tick(),
]


@given(st.lists(st.sampled_from(EVENTS) | st.floats(0.0, 100.0), max_size=40))
def test_whatever_happens_it_is_silent_in_the_end(story: list[Event | float]) -> None:
    clock = Clock()
    for entry in story:
        if isinstance(entry, float):
            clock.after(entry)
        else:
            clock(entry)
        if clock.timers.alarms:
            assert clock.timers.deadline_s is not None
    clock.after(3 * RING_AT_MOST_S)
    assert clock.after(600) == []
