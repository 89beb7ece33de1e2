"""Timers and their alarm: a machine of its own beside the conversation, as pure as that.

Home Assistant counts; it tells of each timer when it starts, changes and ends, and makes no sound. While it is
connected its word is all that rings. What it says to nobody is lost, so a timer whose time comes while it is away rings
by our own clock, a little later, and what it says of that timer afterwards is swallowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from satellite.core import effects as fx
from satellite.core import events as ev

# More than anyone sets; of more the new ones are not kept, and ring only when Home Assistant says so.
MOST = 32
LONGEST_S = 7 * 24 * 3600.0
NAME = 80
# By our own clock only so much later, because Home Assistant's word may still be on its way.
OWN_CLOCK_S = 2.0
# Home Assistant is there and says nothing: it has forgotten the timer, or somebody has cancelled it while it was away.
FORGOTTEN_S = 60.0
RING_EVERY_S = 2.0
RING_AT_MOST_S = 15 * 60.0
# The name of the sound in the configuration.
_ALARM = "timer"


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that runs or rests.

    Attributes:
        due_s: when it is over, on the clock of `now_s`; None while it is paused.
        left_s: when paused, how much is left.
        missed: Home Assistant was away when it was over.
    """

    id: str
    name: str
    due_s: float | None
    left_s: float = 0.0
    missed: bool = False

    def due(self, now_s: float) -> bool:
        """Its time has come."""
        return self.due_s is not None and now_s >= self.due_s


@dataclass(frozen=True, slots=True)
class Alarm:
    """A timer that is over and rings. `confirmed`: Home Assistant said so, not only our own clock."""

    id: str
    name: str
    until_s: float
    confirmed: bool

    def __str__(self) -> str:
        name = f"timer {self.name!r}" if self.name else "a timer"
        return f"{name} is over" + ("" if self.confirmed else "; Home Assistant has not confirmed it")


@dataclass(frozen=True, slots=True)
class Timers:
    """All that is known of timers; `rung`: those that our own clock rang, of which Home Assistant may still speak."""

    running: tuple[Timer, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    rung: tuple[str, ...] = ()
    ring_at_s: float | None = None
    connected: bool = False

    @property
    def deadline_s(self) -> float | None:
        """When a Tick is wanted."""
        times = [self.gives_up_s(timer) for timer in self.running if timer.due_s is not None]
        times += [] if self.ring_at_s is None else [self.ring_at_s]
        return min(times, default=None)

    def gives_up_s(self, timer: Timer) -> float:
        """Until when Home Assistant's word is waited for."""
        patience_s = FORGOTTEN_S if self.connected and not timer.missed else OWN_CLOCK_S
        return math.inf if timer.due_s is None else timer.due_s + patience_s


Step: TypeAlias = tuple[Timers, list[fx.Effect]]


def step(timers: Timers, event: ev.Event, now_s: float) -> Step:
    """What follows from `event`; any event will do, most change nothing. `timers.deadline_s` is when a Tick is due."""
    rang = bool(timers.alarms)
    match event:
        case ev.TimerChanged():
            timers = _changed(timers, event, now_s)
        case ev.ServerConnected():
            timers = _connected(timers, now_s)
        case ev.ServerLost() | ev.ServerPaused():
            # A server that muted us says nothing for hours: nobody could tell if it was gone.
            timers = replace(timers, connected=False)
        case ev.WakeDetected() | ev.RemoteWake() | ev.AlarmDismissed():
            timers = replace(timers, alarms=(), ring_at_s=None)
    timers = _expire(timers, now_s)
    return (timers, [fx.StopCue(_ALARM)]) if rang and not timers.alarms else _ring(timers, now_s)


def _connected(timers: Timers, now_s: float) -> Timers:
    """What was over before nobody has heard of."""
    away = not timers.connected
    running = tuple(replace(timer, missed=timer.missed or (away and timer.due(now_s))) for timer in timers.running)
    return replace(timers, running=running, connected=True)


def _changed(timers: Timers, event: ev.TimerChanged, now_s: float) -> Timers:
    others = replace(timers, running=tuple(timer for timer in timers.running if timer.id != event.id))
    known: tuple[Timer | Alarm, ...] = (*timers.running, *timers.alarms)
    name = next((entry.name for entry in known if entry.id == event.id), "")
    match event.kind:
        case "started":
            return _keep(_forget_alarm(others, event.id), _running(event, _name(event.data), now_s))
        case "updated":
            # Home Assistant counts it: whatever our own clock has made of it was wrong.
            return _keep(_forget_alarm(others, event.id), _running(event, name, now_s))
        case "cancelled":
            return _forget_alarm(others, event.id)
        case "finished" if event.id in timers.rung:
            return _confirmed(others, event.id)
        case "finished":
            return _begin_alarm(others, event.id, name, now_s, confirmed=True)
    return timers


def _keep(timers: Timers, timer: Timer) -> Timers:
    return replace(timers, running=(*timers.running, timer)) if len(timers.running) < MOST else timers


def _running(event: ev.TimerChanged, name: str, now_s: float) -> Timer:
    left_s = _seconds(event.data.get("total_seconds"))
    active = event.data.get("is_active", True) is not False
    return Timer(event.id, name, now_s + left_s, 0.0) if active else Timer(event.id, name, None, left_s)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return LONGEST_S
    return min(max(float(value), 0.0), LONGEST_S)


def _name(data: Mapping[str, Any]) -> str:
    name = data.get("name")
    text = name[:NAME] if isinstance(name, str) else ""
    return "".join(character if character.isprintable() else "?" for character in text)


def _begin_alarm(timers: Timers, number: str, name: str, now_s: float, *, confirmed: bool) -> Timers:
    if any(alarm.id == number for alarm in timers.alarms):
        return timers
    alarm = Alarm(number, name, now_s + RING_AT_MOST_S, confirmed)
    ring_at_s = now_s if timers.ring_at_s is None else timers.ring_at_s
    return replace(timers, alarms=(*timers.alarms, alarm)[-MOST:], ring_at_s=ring_at_s)


def _confirmed(timers: Timers, number: str) -> Timers:
    """Home Assistant says so too; it does not ring a second time."""
    alarms = tuple(replace(alarm, confirmed=alarm.confirmed or alarm.id == number) for alarm in timers.alarms)
    return replace(timers, alarms=alarms, rung=tuple(other for other in timers.rung if other != number))


def _forget_alarm(timers: Timers, number: str) -> Timers:
    alarms = tuple(alarm for alarm in timers.alarms if alarm.id != number)
    rung = tuple(other for other in timers.rung if other != number)
    return replace(timers, alarms=alarms, rung=rung, ring_at_s=timers.ring_at_s if alarms else None)


def _expire(timers: Timers, now_s: float) -> Timers:
    """Timers whose time has come, and alarms that have rung long enough."""
    over = tuple(timer for timer in timers.running if now_s >= timers.gives_up_s(timer))
    timers = replace(timers, running=tuple(timer for timer in timers.running if timer not in over))
    for timer in over:
        if timer.missed or not timers.connected:
            timers = _begin_alarm(timers, timer.id, timer.name, now_s, confirmed=False)
            timers = replace(timers, rung=(*timers.rung, timer.id)[-MOST:])
    alarms = tuple(alarm for alarm in timers.alarms if now_s < alarm.until_s)
    return replace(timers, alarms=alarms, ring_at_s=timers.ring_at_s if alarms else None)


def _ring(timers: Timers, now_s: float) -> Step:
    if timers.ring_at_s is None or now_s < timers.ring_at_s:
        return timers, []
    return replace(timers, ring_at_s=now_s + RING_EVERY_S), [fx.PlayCue(_ALARM)]
