"""Timers across a restart. Ours is a clock that begins anew with each process; two others are kept beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from satellite.session.timers import LONGEST_S, MOST, NAME, Timer, Timers

# An alarm for what was over long ago startles, and helps nobody.
TOO_LATE_S = 15 * 60.0
_ID = 200
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


def saved(timers: Timers, at: Moment) -> list[dict[str, Any]]:
    """The timers that run or rest, as plain values."""
    return [{"id": timer.id[:_ID], "name": timer.name, **_time_of(timer, at)} for timer in timers.running]


def _time_of(timer: Timer, at: Moment) -> dict[str, Any]:
    if timer.due_s is None:
        return {"left_s": timer.left_s}
    left_s = round(timer.due_s - at.now_s, 3)
    return {"due_s": at.wall_s + left_s, "left_s": left_s, "boot": at.boot, "up_s": at.up_s + left_s}


def restored(entries: Iterable[Mapping[str, Any]], at: Moment) -> Timers:
    """The timers that were saved, without those that were over too long ago or cannot have been ours.

    Since the same start of the machine its own clock counts, whatever was done to the wall clock. After another one
    there is only the wall clock, which may be behind until it is set: none then takes longer than when it was saved.
    """
    timers = (_restored(entry, at) for entry in entries)
    wanted = [timer for timer in timers if timer and (timer.due_s is None or timer.due_s > at.now_s - TOO_LATE_S)]
    return Timers(running=tuple(wanted[:MOST]))


def _restored(entry: Mapping[str, Any], at: Moment) -> Timer | None:
    number, name, left_s = entry.get("id"), entry.get("name"), entry.get("left_s")
    if not isinstance(number, str) or not isinstance(name, str):
        return None
    if isinstance(entry.get("due_s"), (int, float)):
        return Timer(number[:_ID], name[:NAME], at.now_s + _left_s(entry, at))
    if isinstance(left_s, (int, float)) and 0 <= left_s <= LONGEST_S:
        return Timer(number[:_ID], name[:NAME], None, left_s)
    return None


def _left_s(entry: Mapping[str, Any], at: Moment) -> float:
    up_s, left_s = entry.get("up_s"), entry.get("left_s")
    if at.boot and entry.get("boot") == at.boot and isinstance(up_s, (int, float)):
        return float(up_s) - at.up_s
    most_s = float(left_s) if isinstance(left_s, (int, float)) else LONGEST_S
    return min(float(entry["due_s"]) - at.wall_s, most_s)


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
