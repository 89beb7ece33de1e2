"""Timers across a restart. Ours is a clock that begins anew with each process; two others are kept beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from satellite.session.timers import LONGEST_S, MOST, NAME, RING_AT_MOST_S, Alarm, Timer, Timers

# An alarm for what was over long ago startles, and helps nobody.
TOO_LATE_S = 15 * 60.0
_ID = 200
# A network that sets the clock moves it by more, or so slowly that it does not matter.
_JUMP_S = 1.0
_NEVER_S = 1e15
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on three clocks.

    Attributes:
        now_s: that of the timers.
        wall_s: seconds since 1970, as far as this machine knows; somebody may set it.
        up_s: seconds since the machine was started, its sleep included; nobody can set it.
        boot: which start of the machine that was; "" where the kernel does not tell.
    """

    now_s: float
    wall_s: float
    up_s: float
    boot: str

    @classmethod
    def present(cls) -> Self:
        """Now."""
        boot = ""
        with suppress(OSError):
            boot = _BOOT_ID.read_text().strip()
        return cls(time.monotonic(), time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot)


class Kept:
    """What of the timers is on disk. The wall clock's times there are of use only until somebody sets that clock.

    Args:
        entries: what was there at the start; it is of another clock, and some of it may be over.
    """

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._what = None if entries else _lasting(Timers())
        self._began_s = 0.0

    def renewed(self, timers: Timers) -> list[dict[str, Any]] | None:
        """What to keep from now on; None: what there is will do."""
        what = _lasting(timers)
        if what == self._what and not (any(what) and abs(_wall_at_start_s() - self._began_s) > _JUMP_S):
            return None
        self._what, self._began_s = what, _wall_at_start_s()
        return saved(timers, Moment.present())


def _lasting(timers: Timers) -> tuple[Sequence[object], ...]:
    return timers.running, timers.alarms, timers.rung


def _wall_at_start_s() -> float:
    """What the wall clock of now would have shown when the machine was started."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def saved(timers: Timers, at: Moment) -> list[dict[str, Any]]:
    """The timers that run or rest, those that ring, and those that our own clock rang, as plain values."""
    running = [{"id": timer.id[:_ID], "name": timer.name, **_time_of(timer, at)} for timer in timers.running]
    ringing = [
        {"id": alarm.id[:_ID], "name": alarm.name, "confirmed": alarm.confirmed, **_until(alarm.until_s, at)}
        for alarm in timers.alarms
    ]
    return [*running, *ringing, *({"rung": number[:_ID]} for number in timers.rung)]


def _time_of(timer: Timer, at: Moment) -> dict[str, Any]:
    return {"left_s": timer.left_s} if timer.due_s is None else _until(timer.due_s, at)


def _until(time_s: float, at: Moment) -> dict[str, Any]:
    left_s = round(time_s - at.now_s, 3)
    return {"due_s": at.wall_s + left_s, "left_s": left_s, "boot": at.boot, "up_s": at.up_s + left_s}


def restored(entries: Iterable[Mapping[str, Any]], at: Moment) -> Timers:
    """The timers that were saved, without those that were over too long ago or cannot have been ours.

    Since the same start of the machine its own clock counts, whatever was done to the wall clock. After another one
    there is only the wall clock, which may be behind until it is set: then at least what the machine has run since has
    passed, and none takes longer than when it was saved. What rang rings on, for the rest of its time.
    """
    entries = list(entries)
    timers = (_restored(entry, at) for entry in entries if "confirmed" not in entry)
    wanted = [timer for timer in timers if timer and (timer.due_s is None or timer.due_s > at.now_s - TOO_LATE_S)]
    alarms = tuple(alarm for entry in entries if "confirmed" in entry if (alarm := _ringing(entry, at)))[:MOST]
    rung = tuple(number[:_ID] for entry in entries if isinstance(number := entry.get("rung"), str))[-MOST:]
    return Timers(tuple(wanted[:MOST]), alarms, rung, at.now_s if alarms else None)


def _ringing(entry: Mapping[str, Any], at: Moment) -> Alarm | None:
    until = _restored(entry, at)
    if until is None or until.due_s is None or not at.now_s < until.due_s <= at.now_s + RING_AT_MOST_S:
        return None
    return Alarm(until.id, until.name, until.due_s, entry["confirmed"] is True)


def _restored(entry: Mapping[str, Any], at: Moment) -> Timer | None:
    number, name, left_s = entry.get("id"), entry.get("name"), _number(entry.get("left_s"))
    if not isinstance(number, str) or not isinstance(name, str):
        return None
    due_s = _number(entry.get("due_s"))
    if due_s is not None:
        return Timer(number[:_ID], name[:NAME], at.now_s + min(_left_s(entry, due_s, at), LONGEST_S))
    if left_s is not None and 0 <= left_s <= LONGEST_S:
        return Timer(number[:_ID], name[:NAME], None, left_s)
    return None


def _left_s(entry: Mapping[str, Any], due_s: float, at: Moment) -> float:
    up_s, left_s, boot = _number(entry.get("up_s")), _number(entry.get("left_s")), entry.get("boot")
    if at.boot and boot == at.boot and up_s is not None:
        return up_s - at.up_s
    most_s = LONGEST_S if left_s is None else left_s
    most_s -= at.up_s if at.boot and boot and boot != at.boot else 0.0
    return min(due_s - at.wall_s, most_s)


def _number(value: object) -> float | None:
    """A time that can be reckoned with; None: it is none."""
    return float(value) if isinstance(value, (int, float)) and abs(value) < _NEVER_S else None


def shown(timers: Timers, now_s: float) -> dict[str, Any]:
    """For the status: what runs and how long still, and what rings."""
    return {
        "running": [
            {
                "name": timer.name,
                "left_s": round(timer.left_s if timer.due_s is None else max(0.0, timer.due_s - now_s), 1),
                "paused": timer.due_s is None,
            }
            for timer in timers.running
        ],
        "ringing": [{"name": alarm.name, "confirmed": alarm.confirmed} for alarm in timers.alarms],
    }
