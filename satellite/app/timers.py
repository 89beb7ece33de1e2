"""Timers across a restart: on the wall clock, because ours begins anew with each start of the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from satellite.session.timers import LONGEST_S, MOST, NAME, Timer, Timers

# An alarm for what was over long ago startles, and helps nobody.
TOO_LATE_S = 15 * 60.0
_ID = 200


def saved(timers: Timers, now_s: float, wall_s: float) -> list[dict[str, Any]]:
    """The timers that run or rest, as plain values.

    Args:
        now_s: on the clock of the timers.
        wall_s: the same moment in seconds since 1970.
    """
    return [
        {"id": timer.id[:_ID], "name": timer.name, "left_s": timer.left_s}
        if timer.due_s is None
        else {"id": timer.id[:_ID], "name": timer.name, "due_s": round(timer.due_s - now_s + wall_s, 3)}
        for timer in timers.running
    ]


def restored(entries: Iterable[Mapping[str, Any]], now_s: float, wall_s: float) -> Timers:
    """The timers that were saved, without those that were over too long ago or cannot have been ours."""
    timers = (_restored(entry, now_s - wall_s) for entry in entries)
    wanted = [timer for timer in timers if timer and (timer.due_s is None or timer.due_s > now_s - TOO_LATE_S)]
    return Timers(running=tuple(wanted[:MOST]))


def _restored(entry: Mapping[str, Any], shift_s: float) -> Timer | None:
    number, name, due_s, left_s = (entry.get(key) for key in ("id", "name", "due_s", "left_s"))
    if not isinstance(number, str) or not isinstance(name, str):
        return None
    if isinstance(due_s, (int, float)):
        return Timer(number[:_ID], name[:NAME], due_s + shift_s)
    if isinstance(left_s, (int, float)) and 0 <= left_s <= LONGEST_S:
        return Timer(number[:_ID], name[:NAME], None, left_s)
    return None


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
