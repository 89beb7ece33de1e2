"""The wake word is heard by the server: it gets the sound of the room while nothing else goes on.

All of it happens in IDLE, beside which the conversation needs no phase: the server runs a pipeline that begins with the
wake word, and when it heard one that same run becomes a turn.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.listen.leadin import WARM_UP_S, lead_in
from satellite.session.moves import ACCEPT_S, Step, begun, listen_for, watch_later
from satellite.session.state import Phase, State

# A wake word that did not come is no failure.
NOTHING_HEARD = frozenset({"wake-word-timeout", "wake_word_detection_aborted"})
FIRST_PAUSE_S = 1.0
# Of a room at night: nobody has measured this one.
ROOM_DBFS = -65.0
# Home Assistant never answers a run that comes while one waits for the wake word, and for a moment after that ended it
# takes the end of the old one for that of the new.
END_S = 0.3


def attend(state: State, now_s: float) -> Step:
    """After every event: begin to send the room's sound where it is time for it, stop where it no longer is."""
    if state.watch.listen_at is not None and (state.phase is not Phase.IDLE or state.connection is None or state.deaf):
        state = replace(state, watch=replace(state.watch, listen_at=None))
    watch, wanted = state.watch, _wanted(state)
    if watch.connection is not None and (watch.connection != state.connection or not wanted):
        # A run of ours or an announcement has ended the server's; else it would wait for ever.
        over = state.phase is Phase.IDLE and watch.connection == state.connection and not state.paused
        return _stopped(state), [fx.TellServer(msg.MicStop())] if over else []
    if not wanted or watch.connection is not None or watch.retry_at is not None:
        return state, []
    watch = replace(watch, connection=state.connection, heard_to=None, accept_by=now_s + ACCEPT_S)
    return replace(state, watch=watch), [fx.TellServer(msg.RunPipeline(from_wake=True)), fx.TellServer(warm_up())]


@cache
def warm_up() -> msg.MicAudio:
    """Quiet noise to begin with."""
    return msg.MicAudio(lead_in(ROOM_DBFS, WARM_UP_S))


def _wanted(state: State) -> bool:
    sends = state.sends_room == "always" or (state.sends_room == "voice" and state.watch.voice)
    free = state.phase is Phase.IDLE and state.connection is not None and not state.deaf
    return sends and free and state.watch.listen_at is None


def _stopped(state: State) -> State:
    return replace(state, watch=replace(state.watch, connection=None, heard_to=None, accept_by=None))


def leave(state: State, now_s: float) -> Step:
    """The server is to hear a command without a wake word: first it stops waiting for one."""
    watch = replace(_stopped(state).watch, listen_at=now_s + END_S)
    return replace(state, watch=watch), [fx.TellServer(msg.MicStop())]


def room_audio(state: State, event: ev.RoomAudio, _now_s: float) -> Step:
    """Sound of the room goes to the server that listens."""
    if state.watch.connection is None:
        return state, []
    watch = replace(state.watch, heard_to=event.end)
    return replace(state, watch=watch), [fx.TellServer(msg.MicAudio(event.pcm))]


def voice_began(state: State, _event: ev.VoiceBegan, _now_s: float) -> Step:
    """Somebody speaks."""
    return replace(state, watch=replace(state.watch, voice=True)), []


def voice_over(state: State, _event: ev.VoiceOver, _now_s: float) -> Step:
    """Nobody speaks any more: the server has heard all of it."""
    return replace(state, watch=replace(state.watch, voice=False)), []


def remote_listening(state: State, _event: ev.RemoteListening, _now_s: float) -> Step:
    """The server accepted."""
    return replace(state, stale_until=None, watch=replace(state.watch, accept_by=None)), []


def remote_wake(state: State, _event: ev.RemoteWake, now_s: float) -> Step:
    """The server heard a wake word: what follows is a command, and its run is the turn's."""
    if state.watch.connection is None:
        return state, []
    heard_to, watch = state.watch.heard_to, replace(_stopped(state).watch, pause_s=FIRST_PAUSE_S)
    # No other server can be told this command from its beginning.
    state = replace(begun(state, now_s), resent=True, follow_ups=0, watch=watch)
    return state, [fx.StartStream(state.turn, None), listen_for(state, fx.Command(state.turn, heard_to))]


def watch_failed(state: State, event: ev.PipelineFailed, now_s: float) -> Step:
    """An error without a turn of ours: nobody waits for it. When the server listened, it is asked again later."""
    state = replace(state, stale_until=None)
    if state.watch.connection is None:
        return state, []
    return (_stopped(state) if event.code in NOTHING_HEARD else watch_later(state, now_s)), []
