"""Pieces of a transition: what several handlers and deadlines of the conversation do."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from satellite.core import effects as fx
from satellite.core import messages as msg
from satellite.session.state import Phase, Sound, State

# Home Assistant accepts or refuses a run within 50 ms; a peer that says nothing for so long does not read any more.
ACCEPT_S = 3.0
# The listener ends a command after `max_s` of audio; when it is dead, the clock does, so much later.
STREAM_GRACE_S = 2.0
# How long a server that does not listen for the wake word is left alone at most.
LONGEST_PAUSE_S = 30.0
# Speech-to-text of a long command on a small board takes 20 s.
TRANSCRIPT_S = 30.0
# How long after a barge-in the old answer may still arrive.
STALE_S = 3.0

Step: TypeAlias = tuple[State, list[fx.Effect]]


def listen_for(state: State, command: fx.Command | None = None) -> fx.ListenFor:
    """Wait for a wake word, or stream `command`; deaf when the owner or the server muted the microphone."""
    return fx.ListenFor(command, muted=state.deaf)


def begun(state: State, now_s: float) -> State:
    """A new turn: the server has been asked for a run."""
    return replace(
        state,
        phase=Phase.REQUESTED,
        turn=state.turn + 1,
        answered=False,
        asks=False,
        accepted=False,
        resent=False,
        accept_by=None if state.connection is None else now_s + ACCEPT_S,
        stop_by=now_s + state.max_s + STREAM_GRACE_S,
        wait_by=None,
    )


def watch_later(state: State, now_s: float) -> State:
    """The server does not listen for the wake word: it is asked again after a pause, longer each time."""
    watch, pause_s = state.watch, state.watch.pause_s
    later = min(LONGEST_PAUSE_S, 2 * pause_s)
    watch = replace(watch, connection=None, heard_to=None, accept_by=None, retry_at=now_s + pause_s, pause_s=later)
    return replace(state, watch=watch)


def to_idle(state: State) -> Step:
    """End the turn, whatever it was doing; sounds play on."""
    effects: list[fx.Effect] = [listen_for(state)] if state.streaming else []
    return replace(state, phase=Phase.IDLE, accept_by=None, stop_by=None, wait_by=None), effects


def give_up(state: State, cue: str) -> Step:
    """End the turn and say so."""
    state, effects = to_idle(state)
    return state, [*effects, fx.PlayCue(cue)]


def end_stream(state: State, now_s: float, *, tell: bool) -> Step:
    """The command is complete; `tell` when the server does not know it yet."""
    stop: list[fx.Effect] = [fx.TellServer(msg.MicStop())] if tell else []
    state = replace(state, phase=Phase.TRANSCRIBING, stop_by=None)
    return _waiting(state, now_s), [*stop, listen_for(state), fx.PlayCue("done")]


def _waiting(state: State, now_s: float) -> State:
    """For the transcript; or, with a complete command, for a server."""
    return replace(state, wait_by=now_s + (state.keep_s if state.connection is None else TRANSCRIPT_S))


def keep(state: State, now_s: float) -> Step:
    """The server is gone before it accepted the command, or while it was sent: go on without one."""
    state = replace(state, connection=None, accepted=False, accept_by=None)
    state = replace(state, phase=Phase.REQUESTED) if state.streaming else _waiting(state, now_s)
    return state, [fx.PlayCue("waiting")]


def send_again(state: State, now_s: float) -> Step:
    """A server is there: it gets the command from its beginning. The rest of one that is still spoken follows."""
    state = replace(state, resent=True, accept_by=now_s + ACCEPT_S)
    return state if state.streaming else _waiting(state, now_s), [fx.SendCommandAgain()]


def cut_playback(state: State, now_s: float) -> Step:
    """Silence the speaker; complete sounds count as played, the rest is dropped as it comes."""
    if not state.sounds and state.phase is Phase.IDLE:
        return state, []
    played: list[fx.Effect] = [fx.TellServer(msg.Played()) for sound in state.sounds if _owed(state, sound)]
    stop: list[fx.Effect] = [fx.StopPlayback()] if state.sounds else []
    dropping = state.dropping or state.open_sound is not None
    state = replace(state, sounds=(), sound_by=None, dropping=dropping, stale_until=now_s + STALE_S)
    return state, stop + played


def _owed(state: State, sound: Sound) -> bool:
    return sound.complete and sound.connection is not None and sound.connection == state.connection


def update_sound(state: State, changed: Sound) -> Step:
    """Put back a sound that got further; when it is over, tell the server and end the turn."""
    over = changed.complete and changed.finished
    rest = tuple(changed if sound.source == changed.source else sound for sound in state.sounds)
    if not over:
        return replace(state, sounds=rest), []
    effects: list[fx.Effect] = [fx.TellServer(msg.Played())] if _owed(state, changed) else []
    state = replace(state, sounds=tuple(sound for sound in rest if sound.source != changed.source))
    if state.sounds or state.phase is not Phase.ANSWERING:
        return state, effects
    state, more = to_idle(state)
    return state, effects + more


def end_open_sound(state: State) -> Step:
    """A sound that was begun and never ended by the server ends here; nothing is owed for it."""
    sound = state.open_sound
    if sound is None:
        return state, []
    rest = tuple(other for other in state.sounds if other is not sound)
    return replace(state, sounds=rest, sound_by=None), [fx.PlayEnd(sound.source)]
