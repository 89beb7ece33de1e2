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
from satellite.session.deadlines import expire
from satellite.session.moves import (
    Step,
    begun,
    cut_playback,
    end_open_sound,
    end_stream,
    give_up,
    keep,
    listen_for,
    send_again,
    to_idle,
    update_sound,
)
from satellite.session.remote import (
    attend,
    leave,
    remote_listening,
    remote_wake,
    room_audio,
    voice_began,
    voice_over,
    watch_failed,
)
from satellite.session.state import Phase, Sound, State

# With end_of_speech = "server": how much later than our own end of speech we stop all the same.
BACKSTOP_S = 1.0
# From the transcript to the first sound, and from one sound of an answer to the next (language models pause).
ANSWER_S = 60.0
# Home Assistant's code for sound in which its recogniser found no words.
NOT_UNDERSTOOD = "stt-no-text-recognized"
# As Western and full-width scripts, Arabic, Greek and Armenian write them.
QUESTION_MARKS = ("?", "\uff1f", "\u061f", "\u037e", "\u055e")
# Of two machines that ask each other, one must stop.
MOST_FOLLOW_UPS = 5
# Quiet enough for a lead-in when no wake word told the noise floor.
LEAD_IN_FLOOR_DBFS = -60.0

Handler: TypeAlias = Callable[[State, Any, float], Step]


def step(state: State, event: ev.Event, now_s: float) -> tuple[State, list[fx.Effect], float | None]:
    """What follows from `event`.

    Returns:
        The next state, the effects in the order in which they are to be performed, and the time of the next ev.Tick.

    Raises:
        IllegalEvent: the pair cannot happen; the state is as it was.
    """
    _refuse_impossible(state, event)
    state, effects = expire(state, now_s)
    state, more = TABLE[type(event)][state.phase](state, event, now_s)
    state, last = attend(state, now_s)
    return state, effects + more + last, state.deadline_s


def _refuse_impossible(state: State, event: ev.Event) -> None:
    if isinstance(event, ev.FROM_SERVER) and state.connection is None:
        raise IllegalEvent(f"{type(event).__name__} without a server")
    if isinstance(event, ev.SpeechStarted | ev.SpeechAudio | ev.SpeechEnded) and event.turn > state.turn:
        raise IllegalEvent(f"{type(event).__name__} of turn {event.turn}, which has not begun (now: {state.turn})")


# --- handlers -------------------------------------------------------------------------------------------------------


def ignore(state: State, _event: ev.Event, _now_s: float) -> Step:
    """Nothing to do."""
    return state, []


def wake(state: State, event: ev.WakeDetected, now_s: float) -> Step:
    """A wake word: stop what plays, ask for a run, stream; a stop word stops what plays."""
    if event.model in state.stop_words:
        return stop(state, now_s)
    state = replace(state, follow_ups=0)
    return _begin(state, now_s, event.floor_dbfs, event)


def stop(state: State, now_s: float) -> Step:
    """Silence what sounds, and listen to nothing."""
    if not state.sounds:
        return state, []
    state, cut = cut_playback(state, now_s)
    # No run follows that would settle what is old: the next sound is new, and is played.
    state, effects = to_idle(replace(state, stale_until=None))
    return state, [*cut, *effects]


def listen(state: State, _event: ev.ListenRequested, now_s: float) -> Step:
    """Listen without a wake word."""
    if state.watch.listen_at is not None:
        return state, []
    if state.watch.connection is not None and state.connection is not None:
        return leave(state, now_s)
    return _begin(replace(state, follow_ups=0), now_s, LEAD_IN_FLOOR_DBFS)


def _begin(state: State, now_s: float, floor_dbfs: float, wake: ev.WakeDetected | None = None) -> Step:
    away = state.connection is None
    if away and not state.keep_s:
        return state, [fx.PlayCue("away")]
    if state.deaf:
        return state, []
    state, cut = cut_playback(state, now_s)
    state = begun(state, now_s)
    detection: list[fx.Effect] = [fx.TellServer(msg.Detection(wake.model))] if wake else []
    ask: list[fx.Effect] = [fx.TellServer(msg.RunPipeline()), fx.StartStream(state.turn, floor_dbfs)]
    say: list[fx.Effect] = [fx.PlayCue("waiting")] if away else []
    command = (
        fx.Command(state.turn, wake.at, wake.model)
        if wake
        else fx.Command(state.turn, None, follows_up=state.follow_ups > 0)
    )
    return state, [*cut, *detection, *ask, listen_for(state, command), *say]


def listen_later(state: State, _event: ev.Tick, now_s: float) -> Step:
    """The server has stopped waiting for a wake word: now it can hear the command."""
    if state.watch.listen_at is None or now_s < state.watch.listen_at:
        return state, []
    state = replace(state, follow_ups=0, watch=replace(state.watch, listen_at=None))
    return _begin(state, now_s, LEAD_IN_FLOOR_DBFS)


def speech_audio(state: State, event: ev.SpeechAudio, _now_s: float) -> Step:
    """Sound of the command goes on to the server."""
    return state, [fx.TellServer(msg.MicAudio(event.pcm))] if event.turn == state.turn else []


def speech_ended(state: State, event: ev.SpeechEnded, now_s: float) -> Step:
    """Our own end of speech: stop, or give the server a little longer to find it."""
    if event.turn != state.turn:
        return state, []
    if state.connection is None and event.reason is ev.EndReason.NO_SPEECH:
        return give_up(state, "away")
    if state.server_ends and state.connection is not None and event.reason is ev.EndReason.SILENCE:
        return replace(state, stop_by=now_s + BACKSTOP_S), []
    return end_stream(state, now_s, tell=True)


def accepted(state: State, _event: ev.Transcribing, _now_s: float) -> Step:
    """The server runs our pipeline: what comes from now on is new."""
    state = replace(state, accepted=True, accept_by=None, stale_until=None)
    if state.phase is not Phase.REQUESTED:
        return state, []
    # A follow-up has said with a sound of its own that it listens.
    return replace(state, phase=Phase.LISTENING), [] if state.follow_ups else [fx.PlayCue("awake")]


def orphaned(state: State, event: ev.Transcribing, now_s: float) -> Step:
    """The server runs a pipeline whose stream is over: end it, or it listens for ever."""
    state, _ = accepted(state, event, now_s)
    return state, [fx.TellServer(msg.MicStop())]


def voice_stopped(state: State, _event: ev.VoiceStopped, now_s: float) -> Step:
    """The server found the end of speech itself."""
    if state.run_unanswered:
        return state, []
    return end_stream(state, now_s, tell=False)


def transcript(state: State, _event: ev.TranscriptReceived, now_s: float) -> Step:
    """The command was understood; the answer follows."""
    if state.run_unanswered:
        return state, []
    effects: list[fx.Effect] = []
    if state.streaming:
        state, effects = end_stream(state, now_s, tell=False)
    state = replace(state, answered=True, asks=False)
    return replace(state, phase=Phase.ANSWERING, accept_by=None, wait_by=now_s + ANSWER_S), effects


def answer_comes(state: State, event: ev.AnswerText, now_s: float) -> Step:
    """The answer is being spoken by the server: wait on. It may ask something."""
    if state.answered:
        asks = state.follow_up == "always" or event.text.rstrip().endswith(QUESTION_MARKS)
        state = replace(state, asks=asks and state.follow_up != "never")
    return replace(state, wait_by=now_s + ANSWER_S) if state.wait_by else state, []


def sound_begins(state: State, event: ev.AnswerStarted, now_s: float) -> Step:
    """Sound from the server: an answer, or an announcement, which ends whatever the turn was doing."""
    if state.stale_until is not None:
        return replace(state, dropping=True), []
    # Where nobody waits for an answer it is an announcement: a question that was not heard out is asked no more.
    state = state if state.phase is Phase.ANSWERING else replace(state, answered=False, asks=False)
    state, effects = end_open_sound(state)
    state, more = to_idle(state)
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


def sound_goes_on(state: State, event: ev.AnswerAudio, now_s: float) -> Step:
    """More of the sound."""
    sound = state.open_sound
    if sound is None or state.dropping:
        return state, []
    return replace(state, sound_by=now_s + ANSWER_S), [fx.PlayAudio(sound.source, event.pcm)]


def sound_ends(state: State, _event: ev.AnswerEnded, now_s: float) -> Step:
    """The sound is complete."""
    if state.dropping:
        # After a stop word no run follows by which the server would know that it is over.
        over: list[fx.Effect] = [fx.TellServer(msg.Played())] if state.phase is Phase.IDLE else []
        return replace(state, dropping=False), over
    sound = state.open_sound
    if sound is None:
        return state, []
    state, effects = update_sound(replace(state, sound_by=None), replace(sound, complete=True))
    state, more = _follow_up(state, now_s)
    return state, [fx.PlayEnd(sound.source), *effects, *more]


def finished(state: State, event: ev.PlaybackFinished, now_s: float) -> Step:
    """A sound has been heard to its end."""
    sound = next((sound for sound in state.sounds if sound.source == event.source), None)
    if sound is None:
        return state, []
    state = replace(state, asks=state.asks and not event.failed)
    state, effects = update_sound(state, replace(sound, finished=True))
    state, more = _follow_up(state, now_s)
    return state, effects + more


def _follow_up(state: State, now_s: float) -> Step:
    """The answer is over. When it asked something, a person need not say the wake word again."""
    if state.phase is not Phase.IDLE or not state.answered:
        return state, []
    asks, state = state.asks, replace(state, answered=False, asks=False)
    if not asks or state.connection is None or state.follow_ups >= MOST_FOLLOW_UPS:
        return state, []
    state = replace(state, follow_ups=state.follow_ups + 1)
    state, effects = _begin(state, now_s, LEAD_IN_FLOOR_DBFS)
    return state, [*effects, fx.PlayCue("follow_up")] if effects else []


def failed(state: State, event: ev.PipelineFailed, _now_s: float) -> Step:
    """The run is over. Another satellite heard the same word: stay silent; otherwise say so."""
    state = replace(state, accept_by=None, stale_until=None)
    if event.code == "duplicate_wake_up_detected" or (state.phase is Phase.ANSWERING and state.sounds):
        return to_idle(state) if not state.sounds else (state, [])
    if event.code == NOT_UNDERSTOOD and state.follow_ups:
        # Nobody needs to answer a question.
        return to_idle(state)
    return give_up(state, "not_understood" if event.code == NOT_UNDERSTOOD else "error")


def connected(state: State, event: ev.ServerConnected, now_s: float) -> Step:
    """A new server; nothing is left of an old one but a command that none has accepted: the new one gets it whole."""
    effects: list[fx.Effect] = []
    if state.connection is not None:
        state, effects = lost(state, ev.ServerLost(state.connection, "replaced"), now_s)
    was_deaf = state.deaf
    if state.kept:
        state, more = send_again(replace(state, connection=event.connection, paused=False), now_s)
        return state, effects + more
    state = replace(state, connection=event.connection, paused=False)
    return state, effects + ([listen_for(state)] if was_deaf != state.deaf else [])


def lost(state: State, event: ev.ServerLost, now_s: float) -> Step:
    """The server is gone: the turn ends, unless its command can be kept; what was received plays on."""
    if event.connection != state.connection:
        return state, []
    waited = state.phase is not Phase.IDLE and not state.sounds
    was_deaf = state.deaf
    state, cut = end_open_sound(state)
    if state.kept and state.keep_s and not state.resent:
        state, effects = keep(state, now_s)
    else:
        state, effects = give_up(state, "away") if waited else to_idle(state)
    # Numbers of connections begin anew with a new configuration: what was owed to this one is owed to nobody.
    sounds = tuple(replace(sound, connection=None) for sound in state.sounds)
    state = replace(state, connection=None, paused=False, dropping=False, stale_until=None, sounds=sounds)
    return state, cut + effects + ([listen_for(state)] if was_deaf != state.deaf else [])


def paused(state: State, _event: ev.ServerPaused, _now_s: float) -> Step:
    """The server muted us: the turn ends, the microphone is deaf until a server connects."""
    state, cut = end_open_sound(replace(state, paused=True))
    state, _ = to_idle(state)
    return replace(state, dropping=False, stale_until=None), [*cut, listen_for(state)]


def mute_changed(state: State, event: ev.MuteChanged, now_s: float) -> Step:
    """The owner muted or unmuted; a command under way ends here."""
    state = replace(state, muted=event.muted)
    if state.streaming and event.muted:
        return end_stream(state, now_s, tell=True)
    return state, [listen_for(state)] if not state.streaming else []


def device_failed(state: State, event: ev.DeviceFailed, now_s: float) -> Step:
    """Without a microphone the command ends here, and a person must know; playback tells of its own losses."""
    if event.device is not ev.Device.MICROPHONE:
        return state, []
    state, effects = end_stream(state, now_s, tell=True) if state.streaming else (state, [])
    return state, effects if event.wanted else [*effects, fx.PlayCue("no_microphone")]


# --- the table ------------------------------------------------------------------------------------------------------

# fmt: off
TABLE: dict[type, tuple[Handler, Handler, Handler, Handler, Handler]] = {
    # event                  IDLE           REQUESTED      LISTENING      TRANSCRIBING   ANSWERING
    ev.WakeDetected:        (wake,          ignore,        ignore,        wake,          wake),
    ev.ListenRequested:     (listen,        ignore,        ignore,        listen,        listen),
    ev.Overheard:           (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.VoiceBegan:          (voice_began,   voice_began,   voice_began,   voice_began,   voice_began),
    ev.VoiceOver:           (voice_over,    voice_over,    voice_over,    voice_over,    voice_over),
    ev.RoomAudio:           (room_audio,    ignore,        ignore,        ignore,        ignore),
    ev.SpeechStarted:       (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.SpeechAudio:         (ignore,        speech_audio,  speech_audio,  ignore,        ignore),
    ev.SpeechEnded:         (ignore,        speech_ended,  speech_ended,  ignore,        ignore),
    ev.AudioLost:           (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.DeviceFailed:        (device_failed, device_failed, device_failed, device_failed, device_failed),
    ev.DeviceReady:         (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.MicrophoneSilent:    (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.MicrophoneHeard:     (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.MicrophoneEnded:     (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.WorkShed:            (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.WorkResumed:         (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.ServerConnected:     (connected,     connected,     connected,     connected,     connected),
    ev.ServerLost:          (lost,          lost,          lost,          lost,          lost),
    ev.ServerPaused:        (paused,        paused,        paused,        paused,        paused),
    ev.RemoteListening:     (remote_listening, ignore,     ignore,        ignore,        ignore),
    ev.RemoteWake:          (remote_wake,   ignore,        ignore,        ignore,        ignore),
    ev.Transcribing:        (orphaned,      accepted,      accepted,      accepted,      orphaned),
    ev.VoiceStarted:        (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.VoiceStopped:        (ignore,        voice_stopped, voice_stopped, ignore,        ignore),
    ev.TranscriptReceived:  (ignore,        transcript,    transcript,    transcript,    ignore),
    ev.AnswerText:          (ignore,        answer_comes,  answer_comes,  answer_comes,  answer_comes),
    ev.AnswerStarted:       (sound_begins,  sound_begins,  sound_begins,  sound_begins,  sound_begins),
    ev.AnswerAudio:         (sound_goes_on, sound_goes_on, sound_goes_on, sound_goes_on, sound_goes_on),
    ev.AnswerEnded:         (sound_ends,    sound_ends,    sound_ends,    sound_ends,    sound_ends),
    ev.PlaybackStarted:     (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.PlaybackFinished:    (finished,      finished,      finished,      finished,      finished),
    ev.PipelineFailed:      (watch_failed,  failed,        failed,        failed,        failed),
    ev.TimerChanged:        (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.MuteChanged:         (mute_changed,  mute_changed,  mute_changed,  mute_changed,  mute_changed),
    ev.AlarmDismissed:      (ignore,        ignore,        ignore,        ignore,        ignore),
    ev.Tick:                (listen_later,  ignore,        ignore,        ignore,        ignore),
}
# fmt: on
