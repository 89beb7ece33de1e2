"""The conversation: a transition table without device, socket, thread or clock.

`step(state, event, now_s)` gives the next state, the effects to perform, and the moment at which it wants a Tick.
`now_s` is any clock that only goes forward; it is told, never read, so that every time-out holds when a device is dead
and a test of a minute takes no time.

Phases of a turn:

    IDLE          waiting for a wake word
    REQUESTED     the server was asked to run a pipeline; the command is already being streamed
    LISTENING     the server accepted; the command is being streamed
    TRANSCRIBING  the command is complete; waiting for its transcript
    ANSWERING     waiting for the answer, or the server's sound (an answer, an announcement) is being played

Beside the phase stand the sounds from the server that are not over yet: `Played` is told exactly once for each one
that the server completed, when its last sample has left the speaker. After a barge-in the old answer may still be on
its way; until the server answers the new run, sound that begins is dropped to its own end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from satellite.core import effects as fx
from satellite.core import events as ev
from satellite.core import messages as msg
from satellite.core.errors import IllegalEvent
from satellite.session.state import Phase, Sound, State

# Home Assistant accepts or refuses a run within 50 ms; a peer that says nothing for so long does not read any more.
ACCEPT_S = 3.0
# With end_of_speech = "server": how much later than our own end of speech we stop all the same.
BACKSTOP_S = 1.0
# Speech-to-text of a long command on a small board takes 20 s.
TRANSCRIPT_S = 30.0
# From the transcript to the first sound, and from one sound of an answer to the next (language models pause).
ANSWER_S = 60.0
# How long after a barge-in the old answer may still arrive.
STALE_S = 3.0
# The listener ends a command after `max_s` of audio; when it is dead, the clock does, so much later.
STREAM_GRACE_S = 2.0
# Quiet enough for a lead-in when no wake word told the noise floor.
LEAD_IN_FLOOR_DBFS = -60.0

Step: TypeAlias = tuple[State, list[fx.Effect]]
Handler: TypeAlias = Callable[[State, Any, float], Step]


def step(state: State, event: ev.Event, now_s: float) -> tuple[State, list[fx.Effect], float | None]:
    """What follows from `event`.

    Returns:
        The next state, the effects in the order in which they are to be performed, and the time of the next ev.Tick.

    Raises:
        IllegalEvent: the pair cannot happen; the state is as it was.
    """
    _refuse_impossible(state, event)
    state, effects = _expire(state, now_s)
    state, more = TABLE[type(event)][state.phase](state, event, now_s)
    return state, effects + more, state.deadline_s


def _refuse_impossible(state: State, event: ev.Event) -> None:
    if isinstance(event, ev.FROM_SERVER) and state.connection is None:
        raise IllegalEvent(f"{type(event).__name__} without a server")
    if isinstance(event, ev.SpeechStarted | ev.SpeechAudio | ev.SpeechEnded) and event.turn > state.turn:
        raise IllegalEvent(f"{type(event).__name__} of turn {event.turn}, which has not begun (now: {state.turn})")


# --- pieces of a transition -----------------------------------------------------------------------------------------


def _listen(state: State, command: fx.Command | None = None) -> fx.ListenFor:
    return fx.ListenFor(command, muted=state.deaf)


def _to_idle(state: State) -> Step:
    """End the turn, whatever it was doing; sounds play on."""
    effects: list[fx.Effect] = [_listen(state)] if state.streaming else []
    return replace(state, phase=Phase.IDLE, accept_by=None, stop_by=None, wait_by=None), effects


def _fail(state: State) -> Step:
    """End the turn and say so."""
    state, effects = _to_idle(state)
    return state, [*effects, fx.PlayCue("error")]


def _end_stream(state: State, now_s: float, *, tell: bool) -> Step:
    """The command is complete; `tell` when the server does not know it yet."""
    stop: list[fx.Effect] = [fx.TellServer(msg.MicStop())] if tell else []
    state = replace(state, phase=Phase.TRANSCRIBING, stop_by=None, wait_by=now_s + TRANSCRIPT_S)
    return state, [*stop, _listen(state), fx.PlayCue("done")]


def _cut_playback(state: State, now_s: float) -> Step:
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


def _update_sound(state: State, changed: Sound) -> Step:
    """Put back a sound that got further; when it is over, tell the server and end the turn."""
    over = changed.complete and changed.finished
    rest = tuple(changed if sound.source == changed.source else sound for sound in state.sounds)
    if not over:
        return replace(state, sounds=rest), []
    effects: list[fx.Effect] = [fx.TellServer(msg.Played())] if _owed(state, changed) else []
    state = replace(state, sounds=tuple(sound for sound in rest if sound.source != changed.source))
    if state.sounds or state.phase is not Phase.ANSWERING:
        return state, effects
    state, more = _to_idle(state)
    return state, effects + more


def _expire(state: State, now_s: float) -> Step:
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
    return _end_stream(state, now_s, tell=True)


def _wait_over(state: State, _now_s: float) -> Step:
    # A command that was understood may need no answer.
    return _to_idle(state) if state.phase is Phase.ANSWERING else _fail(state)


def _sound_stalled(state: State, _now_s: float) -> Step:
    """The sound's end was lost: play what is there, end the turn; an audio-stop that still comes gets its Played."""
    sound = state.open_sound
    state, effects = _to_idle(replace(state, sound_by=None))
    return state, [fx.PlayEnd(sound.source), *effects] if sound else effects


def _stale_over(state: State, _now_s: float) -> Step:
    return replace(state, stale_until=None), []


EXPIRIES: tuple[tuple[Callable[[State], float | None], Callable[[State, float], Step]], ...] = (
    (lambda state: state.accept_by, _not_accepted),
    (lambda state: state.stop_by, _stream_too_long),
    (lambda state: state.wait_by, _wait_over),
    (lambda state: state.sound_by, _sound_stalled),
    (lambda state: state.stale_until, _stale_over),
)


# --- handlers -------------------------------------------------------------------------------------------------------


def ignore(state: State, _event: ev.Event, _now_s: float) -> Step:
    """Nothing to do."""
    return state, []


def wake(state: State, event: ev.WakeDetected, now_s: float) -> Step:
    """A wake word: stop what plays, ask for a run, stream."""
    return _begin(state, now_s, event.at, event.floor_dbfs, [fx.TellServer(msg.Detection(event.model))])


def listen(state: State, _event: ev.ListenRequested, now_s: float) -> Step:
    """Listen without a wake word."""
    return _begin(state, now_s, None, LEAD_IN_FLOOR_DBFS, [])


def _begin(state: State, now_s: float, wake_at: int | None, floor_dbfs: float, detection: list[fx.Effect]) -> Step:
    if state.connection is None:
        return state, [fx.PlayCue("error")]
    if state.deaf:
        return state, []
    state, cut = _cut_playback(state, now_s)
    state = replace(
        state,
        phase=Phase.REQUESTED,
        turn=state.turn + 1,
        accept_by=now_s + ACCEPT_S,
        stop_by=now_s + state.max_s + STREAM_GRACE_S,
        wait_by=None,
    )
    ask: list[fx.Effect] = [fx.TellServer(msg.RunPipeline()), fx.StartStream(state.turn, floor_dbfs)]
    return state, [*cut, *detection, *ask, _listen(state, fx.Command(state.turn, wake_at))]


def speech_audio(state: State, event: ev.SpeechAudio, _now_s: float) -> Step:
    """Sound of the command goes on to the server."""
    return state, [fx.TellServer(msg.MicAudio(event.pcm))] if event.turn == state.turn else []


def speech_ended(state: State, event: ev.SpeechEnded, now_s: float) -> Step:
    """Our own end of speech: stop, or give the server a little longer to find it."""
    if event.turn != state.turn:
        return state, []
    if state.server_ends and event.reason is ev.EndReason.SILENCE:
        return replace(state, stop_by=now_s + BACKSTOP_S), []
    return _end_stream(state, now_s, tell=True)


def accepted(state: State, _event: ev.Transcribing, _now_s: float) -> Step:
    """The server runs our pipeline: what comes from now on is new."""
    state = replace(state, accept_by=None, stale_until=None)
    if state.phase is not Phase.REQUESTED:
        return state, []
    return replace(state, phase=Phase.LISTENING), [fx.PlayCue("awake")]


def orphaned(state: State, event: ev.Transcribing, now_s: float) -> Step:
    """The server runs a pipeline whose stream is over: end it, or it listens for ever."""
    state, _ = accepted(state, event, now_s)
    return state, [fx.TellServer(msg.MicStop())]


def voice_stopped(state: State, _event: ev.VoiceStopped, now_s: float) -> Step:
    """The server found the end of speech itself."""
    if state.run_unanswered:
        return state, []
    return _end_stream(state, now_s, tell=False)


def transcript(state: State, _event: ev.TranscriptReceived, now_s: float) -> Step:
    """The command was understood; the answer follows."""
    if state.run_unanswered:
        return state, []
    effects: list[fx.Effect] = []
    if state.streaming:
        state, effects = _end_stream(state, now_s, tell=False)
    return replace(state, phase=Phase.ANSWERING, accept_by=None, wait_by=now_s + ANSWER_S), effects


def answer_comes(state: State, _event: ev.AnswerText, now_s: float) -> Step:
    """The answer is being spoken by the server: wait on."""
    return replace(state, wait_by=now_s + ANSWER_S) if state.wait_by else state, []


def sound_begins(state: State, event: ev.AnswerStarted, now_s: float) -> Step:
    """Sound from the server: an answer, or an announcement, which ends whatever the turn was doing."""
    if state.stale_until is not None:
        return replace(state, dropping=True), []
    state, effects = _end_open_sound(state)
    state, more = _to_idle(state)
    sound = Sound(state.next_source, state.connection)
    play = fx.PlayStart(sound.source, event.rate_hz, event.channels, event.width_bytes)
    state = replace(
        state,
        phase=Phase.ANSWERING,
        sounds=(*state.sounds, sound),
        next_source=state.next_source + 1,
        dropping=False,
        sound_by=now_s + ANSWER_S,
    )
    return state, [*effects, *more, play]


def _end_open_sound(state: State) -> Step:
    """A sound that was begun and never ended by the server ends here; nothing is owed for it."""
    sound = state.open_sound
    if sound is None:
        return state, []
    rest = tuple(other for other in state.sounds if other is not sound)
    return replace(state, sounds=rest, sound_by=None), [fx.PlayEnd(sound.source)]


def sound_goes_on(state: State, event: ev.AnswerAudio, now_s: float) -> Step:
    """More of the sound."""
    sound = state.open_sound
    if sound is None or state.dropping:
        return state, []
    return replace(state, sound_by=now_s + ANSWER_S), [fx.PlayAudio(sound.source, event.pcm)]


def sound_ends(state: State, _event: ev.AnswerEnded, _now_s: float) -> Step:
    """The sound is complete."""
    if state.dropping:
        return replace(state, dropping=False), []
    sound = state.open_sound
    if sound is None:
        return state, []
    state, effects = _update_sound(replace(state, sound_by=None), replace(sound, complete=True))
    return state, [fx.PlayEnd(sound.source), *effects]


def finished(state: State, event: ev.PlaybackFinished, _now_s: float) -> Step:
    """A sound has been heard to its end."""
    sound = next((sound for sound in state.sounds if sound.source == event.source), None)
    return _update_sound(state, replace(sound, finished=True)) if sound else (state, [])


def failed(state: State, event: ev.PipelineFailed, _now_s: float) -> Step:
    """The run is over. Another satellite heard the same word: stay silent; otherwise say so."""
    state = replace(state, accept_by=None, stale_until=None)
    if event.code == "duplicate_wake_up_detected" or (state.phase is Phase.ANSWERING and state.sounds):
        return _to_idle(state) if not state.sounds else (state, [])
    return _fail(state)


def failed_late(state: State, _event: ev.PipelineFailed, _now_s: float) -> Step:
    """An error without a turn of ours: nobody waits for it."""
    return replace(state, stale_until=None), []


def connected(state: State, event: ev.ServerConnected, now_s: float) -> Step:
    """A new server; nothing is left of an old one."""
    effects: list[fx.Effect] = []
    if state.connection is not None:
        state, effects = lost(state, ev.ServerLost(state.connection, "replaced"), now_s)
    was_deaf = state.deaf
    state = replace(state, connection=event.connection, paused=False)
    return state, effects + ([_listen(state)] if was_deaf != state.deaf else [])


def lost(state: State, event: ev.ServerLost, _now_s: float) -> Step:
    """The server is gone: the turn ends, what was received plays on."""
    if event.connection != state.connection:
        return state, []
    waited = state.phase is not Phase.IDLE and not state.sounds
    was_deaf = state.deaf
    state, cut = _end_open_sound(state)
    state, effects = _fail(state) if waited else _to_idle(state)
    # Numbers of connections begin anew with a new configuration: what was owed to this one is owed to nobody.
    sounds = tuple(replace(sound, connection=None) for sound in state.sounds)
    state = replace(state, connection=None, paused=False, dropping=False, stale_until=None, sounds=sounds)
    return state, cut + effects + ([_listen(state)] if was_deaf != state.deaf else [])


def paused(state: State, _event: ev.ServerPaused, _now_s: float) -> Step:
    """The server muted us: the turn ends, the microphone is deaf until a server connects."""
    state, cut = _end_open_sound(replace(state, paused=True))
    state, _ = _to_idle(state)
    return replace(state, dropping=False, stale_until=None), [*cut, _listen(state)]


def mute_changed(state: State, event: ev.MuteChanged, now_s: float) -> Step:
    """The owner muted or unmuted; a command under way ends here."""
    state = replace(state, muted=event.muted)
    if state.streaming and event.muted:
        return _end_stream(state, now_s, tell=True)
    return state, [_listen(state)] if not state.streaming else []


def device_failed(state: State, event: ev.DeviceFailed, now_s: float) -> Step:
    """Without a microphone the command ends here; playback tells of its own losses."""
    if event.device is ev.Device.MICROPHONE:
        return _end_stream(state, now_s, tell=True)
    return state, []


# --- the table ------------------------------------------------------------------------------------------------------

# fmt: off
TABLE: dict[type, tuple[Handler, Handler, Handler, Handler, Handler]] = {
    # event                  IDLE           REQUESTED      LISTENING      TRANSCRIBING   ANSWERING
    ev.WakeDetected:        (wake,          ignore,        ignore,        wake,          wake),
    ev.ListenRequested:     (listen,        ignore,        ignore,        listen,        listen),
    ev.SpeechStarted:       (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.SpeechAudio:         (ignore,        speech_audio,  speech_audio,  ignore,        ignore),
    ev.SpeechEnded:         (ignore,        speech_ended,  speech_ended,  ignore,        ignore),
    ev.AudioLost:           (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.DeviceFailed:        (ignore,        device_failed, device_failed, ignore,        ignore),
    ev.DeviceReady:         (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.MicrophoneEnded:     (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.ServerConnected:     (connected,     connected,     connected,     connected,     connected),
    ev.ServerLost:          (lost,          lost,          lost,          lost,          lost),
    ev.ServerPaused:        (paused,        paused,        paused,        paused,        paused),
    ev.Transcribing:        (orphaned,      accepted,      accepted,      accepted,      orphaned),
    ev.VoiceStarted:        (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.VoiceStopped:        (ignore,        voice_stopped, voice_stopped, ignore,        ignore),
    ev.TranscriptReceived:  (ignore,        transcript,    transcript,    transcript,    ignore),
    ev.AnswerText:          (ignore,        answer_comes,  answer_comes,  answer_comes,  answer_comes),
    ev.AnswerStarted:       (sound_begins,  sound_begins,  sound_begins,  sound_begins,  sound_begins),
    ev.AnswerAudio:         (sound_goes_on, sound_goes_on, sound_goes_on, sound_goes_on, sound_goes_on),
    ev.AnswerEnded:         (sound_ends,    sound_ends,    sound_ends,    sound_ends,    sound_ends),
    ev.PlaybackFinished:    (finished,      finished,      finished,      finished,      finished),
    ev.PipelineFailed:      (failed_late,   failed,        failed,        failed,        failed),
    ev.TimerChanged:        (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.MuteChanged:         (mute_changed,  mute_changed,  mute_changed,  mute_changed,  mute_changed),
    ev.Tick:                (ignore,        ignore,        ignore,        ignore,        ignore),
}
# fmt: on
