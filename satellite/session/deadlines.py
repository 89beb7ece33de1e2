"""What happens when nothing happens: the deadlines of the conversation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from satellite.core import effects as fx
from satellite.core import messages as msg
from satellite.session.moves import ACCEPT_S, Step, end_stream, give_up, to_idle, watch_later
from satellite.session.state import Phase, State


def expire(state: State, now_s: float) -> Step:
    """Everything whose time has come."""
    effects: list[fx.Effect] = []
    for due, act in EXPIRIES:
        time_s = due(state)
        if time_s is not None and now_s >= time_s:
            state, more = act(state, now_s)
            effects += more
    return state, effects


def _not_accepted(state: State, _now_s: float) -> Step:
    return replace(state, accept_by=None), [fx.DropServer(f"no answer to run-pipeline within {ACCEPT_S:.0f} s")]


def _stream_too_long(state: State, now_s: float) -> Step:
    return end_stream(state, now_s, tell=True)


def _wait_over(state: State, _now_s: float) -> Step:
    # A command that was understood may need no answer.
    if state.phase is Phase.ANSWERING:
        return to_idle(state)
    return give_up(state, "away" if state.connection is None else "error")


def _sound_stalled(state: State, _now_s: float) -> Step:
    """The sound's end was lost: play what is there, end the turn; an audio-stop that still comes gets its Played."""
    sound = state.open_sound
    state, effects = to_idle(replace(state, sound_by=None))
    return state, [fx.PlayEnd(sound.source), *effects] if sound else effects


def _stale_over(state: State, _now_s: float) -> Step:
    return replace(state, stale_until=None), []


def _not_watched(state: State, now_s: float) -> Step:
    # Home Assistant says nothing at all where its pipeline has no wake word; it answers pings and is not to be dropped.
    pause_s = state.watch.pause_s
    state = watch_later(state, now_s)
    return state, [fx.TellServer(msg.MicStop()), fx.RemoteDeaf(pause_s)]


def _watch_again(state: State, _now_s: float) -> Step:
    return replace(state, watch=replace(state.watch, retry_at=None)), []


EXPIRIES: tuple[tuple[Callable[[State], float | None], Callable[[State, float], Step]], ...] = (
    (lambda state: state.accept_by, _not_accepted),
    (lambda state: state.stop_by, _stream_too_long),
    (lambda state: state.wait_by, _wait_over),
    (lambda state: state.sound_by, _sound_stalled),
    (lambda state: state.stale_until, _stale_over),
    (lambda state: state.watch.accept_by, _not_watched),
    (lambda state: state.watch.retry_at, _watch_again),
)
