"""The conversation, told as stories on the pure state machine."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.core import events
from satellite.core.effects import (
    Command,
    DropServer,
    Effect,
    ListenFor,
    PlayAudio,
    PlayCue,
    PlayEnd,
    PlayStart,
    RemoteDeaf,
    SendCommandAgain,
    StartStream,
    StopPlayback,
    TellServer,
)
from satellite.core.errors import IllegalEvent
from satellite.core.events import (
    AlarmDismissed,
    AnswerAudio,
    AnswerEnded,
    AnswerStarted,
    AnswerText,
    AudioLost,
    Device,
    DeviceFailed,
    DeviceReady,
    EndReason,
    Event,
    ListenRequested,
    MicrophoneEnded,
    MicrophoneHeard,
    MicrophoneSilent,
    MuteChanged,
    Overheard,
    PipelineFailed,
    PlaybackFinished,
    PlaybackStarted,
    RemoteListening,
    RemoteWake,
    RoomAudio,
    ServerConnected,
    ServerLost,
    ServerPaused,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    Tick,
    TimerChanged,
    Transcribing,
    TranscriptReceived,
    VoiceBegan,
    VoiceOver,
    VoiceStarted,
    VoiceStopped,
    WakeDetected,
    WorkResumed,
    WorkShed,
)
from satellite.core.messages import Detection, MicAudio, MicStop, Played, RunPipeline
from satellite.session import Phase, State, moves, step
from satellite.session import conversation as session
from satellite.session.remote import warm_up

WAKE = WakeDetected("hey_jarvis", "Hey Jarvis", 0.9, 16_000, -55.0)
SPEECH = AnswerStarted(22_050, 1, 2)

EXAMPLES: tuple[Event, ...] = (
    WAKE,
    SpeechStarted(1, 0),
    SpeechAudio(1, 0, b"\0\0"),
    SpeechEnded(1, 0, EndReason.SILENCE),
    SpeechEnded(1, 0, EndReason.NO_SPEECH),
    AudioLost(0, 1, "overrun"),
    DeviceFailed(Device.MICROPHONE, "gone"),
    DeviceFailed(Device.SPEAKER, "gone"),
    DeviceReady(Device.MICROPHONE, "back"),
    MicrophoneEnded(0),
    WorkShed("Silero", 60.0),
    WorkResumed("Silero"),
    MicrophoneSilent(0),
    MicrophoneHeard(0, 31.0),
    Overheard("near miss", "hey_jarvis", 0.3, 0.5, 16_000),
    PlaybackStarted(1, 0.0),
    PlaybackFinished(1),
    PlaybackFinished(2, failed=True),
    ServerConnected(2, "peer"),
    ServerLost(1, "gone"),
    ServerPaused(),
    VoiceBegan(0),
    VoiceOver(0),
    RoomAudio(0, b"\0\0"),
    RemoteListening(),
    RemoteWake("okay_nabu"),
    Transcribing(),
    VoiceStarted(),
    VoiceStopped(),
    TranscriptReceived("text"),
    AnswerText("text"),
    SPEECH,
    AnswerAudio(b"\0\0"),
    AnswerEnded(),
    PipelineFailed("stt-no-text-recognized", "No text"),
    PipelineFailed("duplicate_wake_up_detected", "Duplicate"),
    TimerChanged("started", "a"),
    MuteChanged(True),
    MuteChanged(False),
    ListenRequested(),
    AlarmDismissed(),
    Tick(),
)


class Talk:
    """A conversation under test: a state, a clock, and everything that was asked for."""

    def __init__(self, *, server_ends: bool = False, connected: bool = True) -> None:
        self.state = State(server_ends=server_ends)
        self.now_s = 100.0
        self.deadline_s: float | None = None
        if connected:
            self(ServerConnected(1, "peer"))

    def __call__(self, *events: Event) -> list[Effect]:
        effects: list[Effect] = []
        for event in events:
            self.state, more, self.deadline_s = step(self.state, event, self.now_s)
            effects += more
        return effects

    def after(self, seconds: float) -> list[Effect]:
        """Let time pass, with a Tick at every deadline on the way, as the app does."""
        end, effects = self.now_s + seconds, []
        while self.deadline_s is not None and self.deadline_s <= end:
            self.now_s = self.deadline_s
            effects += self(Tick())
        self.now_s = end
        return effects

    def streaming(self) -> Talk:
        self(WAKE, Transcribing())
        return self

    def answering(self) -> Talk:
        self.streaming()(SpeechEnded(self.state.turn, 1, EndReason.SILENCE), TranscriptReceived("lights"), SPEECH)
        return self


def told(effects: list[Effect]) -> list[object]:
    return [effect.message for effect in effects if isinstance(effect, TellServer)]


def kinds(effects: list[Effect]) -> list[type]:
    return [type(effect) for effect in effects]


def test_every_event_has_a_row_and_every_row_every_phase() -> None:
    assert set(session.TABLE) == set(get_args(Event))
    assert all(len(row) == len(Phase) for row in session.TABLE.values())


def test_the_examples_cover_every_event() -> None:
    assert {type(event) for event in EXAMPLES} == set(get_args(Event))


def test_a_whole_turn_in_order() -> None:
    talk = Talk()
    assert talk(WAKE) == [
        TellServer(Detection("hey_jarvis")),
        TellServer(RunPipeline()),
        StartStream(1, -55.0),
        ListenFor(Command(1, 16_000, "hey_jarvis"), muted=False),
    ]
    assert talk(Transcribing()) == [PlayCue("awake")]
    sound = SpeechAudio(1, 0, b"\1\0")
    (told_audio,) = told(talk(sound))
    assert isinstance(told_audio, MicAudio)
    assert told_audio.pcm == sound.pcm
    ended = talk(SpeechEnded(1, 5, EndReason.SILENCE))
    assert ended == [TellServer(MicStop()), ListenFor(None, muted=False), PlayCue("done")]
    assert talk(TranscriptReceived("lights on"), AnswerText("done")) == []
    assert talk(SPEECH) == [PlayStart(1, 22_050, 1, 2)]
    (played,) = talk(AnswerAudio(b"\2\0"))
    assert isinstance(played, PlayAudio)
    assert (played.source, played.pcm) == (1, b"\2\0")
    assert talk(AnswerEnded()) == [PlayEnd(1)]
    assert talk(PlaybackFinished(1)) == [TellServer(Played())]
    assert talk.state.phase is Phase.IDLE
    assert talk.deadline_s is None


def test_the_session_never_lasts_for_ever_whatever_the_server_does_not_say() -> None:
    for talk in (Talk().streaming(), Talk().answering()):
        talk.after(600)
        assert talk.state.phase is Phase.IDLE
        assert talk.deadline_s is None


def test_nothing_heard_within_3_s_of_run_pipeline_drops_the_server() -> None:
    talk = Talk()
    talk(WAKE)
    assert talk.after(2.9) == []
    assert kinds(talk.after(0.2)) == [DropServer]
    assert talk(ServerLost(1, "dropped")) == [PlayCue("waiting")]


def test_an_early_end_of_speech_still_wants_the_run_accepted() -> None:
    talk = Talk()
    talk(WAKE, SpeechEnded(1, 5, EndReason.SILENCE))
    assert DropServer in kinds(talk.after(4))


@pytest.mark.parametrize("event", [VoiceStopped(), TranscriptReceived("x"), PipelineFailed("c", "t"), SPEECH])
def test_the_server_ends_the_stream(event: Event) -> None:
    effects = Talk().streaming()(event)
    assert ListenFor(None, muted=False) in effects
    assert MicStop() not in told(effects)


@pytest.mark.parametrize("event", [DeviceFailed(Device.MICROPHONE, "gone"), MuteChanged(True)])
def test_we_end_the_stream_ourselves(event: Event) -> None:
    effects = Talk().streaming()(event)
    assert told(effects) == [MicStop()]
    assert any(isinstance(effect, ListenFor) and effect.command is None for effect in effects)


def test_a_pause_ends_the_stream_and_mutes_until_a_server_connects() -> None:
    talk = Talk().streaming()
    assert talk(ServerPaused()) == [ListenFor(None, muted=True)]
    assert talk(WAKE) == []
    assert talk(ServerLost(1, "closed")) == [ListenFor(None, muted=False)]
    talk(ServerConnected(2, "peer"))
    assert RunPipeline() in told(talk(WAKE))


def test_after_an_hour_of_being_muted_by_the_server_the_next_connection_is_heard() -> None:
    talk = Talk()
    talk(ServerPaused())
    for _ in range(60):
        talk.now_s += 60
        assert talk(Tick(), WAKE) == []
    talk(ServerConnected(2, "peer"))
    assert RunPipeline() in told(talk(WAKE))


def test_with_local_end_of_speech_our_end_stops_the_stream() -> None:
    assert told(Talk().streaming()(SpeechEnded(1, 5, EndReason.SILENCE))) == [MicStop()]


def test_with_server_end_of_speech_ours_is_the_backstop() -> None:
    talk = Talk(server_ends=True).streaming()
    assert talk(SpeechEnded(1, 5, EndReason.SILENCE)) == []
    assert told(talk(SpeechAudio(1, 5, b"\0\0")))
    assert talk.after(session.BACKSTOP_S - 0.01) == []
    assert told(talk.after(0.02)) == [MicStop()]


@pytest.mark.parametrize("reason", [EndReason.NO_SPEECH, EndReason.TOO_LONG, EndReason.STALLED, EndReason.FLUSHED])
def test_hard_ends_stop_the_stream_whoever_decides(reason: EndReason) -> None:
    assert told(Talk(server_ends=True).streaming()(SpeechEnded(1, 5, reason))) == [MicStop()]


def test_a_stream_whose_listener_died_ends_by_the_clock() -> None:
    talk = Talk().streaming()
    assert MicStop() in told(talk.after(33))


def test_speech_of_an_old_turn_is_ignored_and_of_a_future_one_refused() -> None:
    talk = Talk().streaming()
    talk(VoiceStopped(), WAKE)
    assert talk.state.turn == 2
    assert talk(SpeechAudio(1, 0, b""), SpeechEnded(1, 0, EndReason.SILENCE)) == []
    with pytest.raises(IllegalEvent):
        talk(SpeechAudio(3, 0, b""))


def test_an_error_is_heard_but_a_duplicate_is_silent() -> None:
    assert PlayCue("error") in Talk().streaming()(PipelineFailed("intent-failed", ""))
    assert PlayCue("not_understood") in Talk().streaming()(PipelineFailed("stt-no-text-recognized", ""))
    assert PlayCue not in kinds(Talk().streaming()(PipelineFailed("duplicate_wake_up_detected", "")))


def test_an_error_without_a_turn_is_silent() -> None:
    assert Talk()(PipelineFailed("intent-failed", "")) == []


def test_a_lost_microphone_is_heard_unless_it_was_closed_on_purpose() -> None:
    assert Talk()(DeviceFailed(Device.MICROPHONE, "gone")) == [PlayCue("no_microphone")]
    assert Talk()(DeviceFailed(Device.MICROPHONE, "reopened", wanted=True)) == []
    assert Talk()(DeviceFailed(Device.SPEAKER, "gone")) == []


# --- a command spoken while the server is away ----------------------------------------------------------------------

SILENCE = SpeechEnded(1, 5, EndReason.SILENCE)


def test_a_command_spoken_without_a_server_is_sent_whole_when_one_comes() -> None:
    talk = Talk(connected=False)
    begun = talk(WAKE)
    assert ListenFor(Command(1, 16_000, "hey_jarvis"), muted=False) in begun
    assert begun[-1] == PlayCue("waiting")
    assert told(talk(SILENCE)) == [MicStop()]
    assert talk.after(10) == []
    assert talk(ServerConnected(1, "peer")) == [SendCommandAgain()]
    talk(Transcribing(), TranscriptReceived("lights"), SPEECH, AnswerEnded())
    assert told(talk(PlaybackFinished(1))) == [Played()]


def test_a_server_that_comes_while_the_command_is_spoken_gets_its_beginning_and_then_the_rest() -> None:
    talk = Talk(connected=False)
    talk(WAKE, SpeechAudio(1, 0, b"\0\0"))
    assert talk(ServerConnected(1, "peer")) == [SendCommandAgain()]
    assert kinds(talk(SpeechAudio(1, 1, b"\0\0"))) == [TellServer]
    assert told(talk(SILENCE)) == [MicStop()]


def test_when_no_server_comes_in_time_the_person_is_told() -> None:
    talk = Talk(connected=False)
    talk(WAKE, SILENCE)
    assert talk.after(14.9) == []
    assert talk.after(0.2) == [PlayCue("away")]
    assert talk.state.phase is Phase.IDLE
    assert talk(ServerConnected(1, "peer")) == []


def test_nothing_said_without_a_server_is_nothing_to_keep() -> None:
    talk = Talk(connected=False)
    talk(WAKE)
    assert talk(SpeechEnded(1, 5, EndReason.NO_SPEECH)) == [ListenFor(None, muted=False), PlayCue("away")]


def test_where_nothing_is_to_be_kept_a_wake_word_without_a_server_is_not_silent() -> None:
    talk = Talk(connected=False)
    talk.state = State(keep_s=0)
    assert talk(WAKE) == [PlayCue("away")]


@pytest.mark.parametrize("before", [(), (Transcribing(),), (SILENCE,)])
def test_a_command_whose_server_goes_before_it_has_it_whole_is_sent_again(before: tuple[Event, ...]) -> None:
    talk = Talk()
    talk(WAKE, *before)
    assert talk(ServerLost(1, "gone")) == [PlayCue("waiting")]
    assert talk(ServerConnected(2, "peer")) == [SendCommandAgain()]


def test_a_command_that_was_never_accepted_is_sent_again_also_when_we_hung_up() -> None:
    talk = Talk()
    talk(WAKE, SILENCE)
    assert kinds(talk.after(3.1)) == [DropServer]
    talk(ServerLost(1, "no answer"))
    assert talk(ServerConnected(2, "peer")) == [SendCommandAgain()]


def test_a_command_is_sent_again_once() -> None:
    talk = Talk()
    talk(WAKE, SILENCE, ServerLost(1, "gone"), ServerConnected(2, "peer"))
    assert talk(ServerLost(2, "gone")) == [PlayCue("away")]
    assert talk(ServerConnected(3, "peer")) == []


def test_a_command_that_the_server_had_whole_is_not_sent_again() -> None:
    """It may have been carried out."""
    talk = Talk().streaming()
    talk(SILENCE)
    assert talk(ServerLost(1, "gone")) == [PlayCue("away")]
    assert talk(ServerConnected(2, "peer")) == []


def test_a_new_wake_word_takes_the_place_of_a_command_that_waits() -> None:
    talk = Talk(connected=False)
    talk(WAKE, SILENCE, WAKE)
    assert talk.state.turn == 2
    assert talk.state.streaming


def test_an_answer_that_never_comes_ends_after_a_minute() -> None:
    talk = Talk().streaming()
    talk(SpeechEnded(1, 5, EndReason.SILENCE), TranscriptReceived("x"))
    assert talk.after(59.9) == []
    assert talk.after(0.2) == []
    assert talk.state.phase is Phase.IDLE


def test_a_transcript_that_never_comes_ends_too() -> None:
    talk = Talk().streaming()
    talk(SpeechEnded(1, 5, EndReason.SILENCE))
    assert PlayCue("error") in talk.after(moves.TRANSCRIPT_S + 0.1)


def test_a_long_answer_never_times_out_while_it_plays() -> None:
    talk = Talk().answering()
    talk(AnswerEnded())
    assert talk.deadline_s is None
    talk.now_s += 300
    assert talk(PlaybackFinished(1)) == [TellServer(Played())]


def test_an_answer_whose_end_never_comes_plays_and_then_ends() -> None:
    talk = Talk().answering()
    talk(AnswerAudio(b"\0\0"))
    assert talk.after(60) == [PlayEnd(1)]
    assert talk(PlaybackFinished(1)) == []
    assert talk.state.phase is Phase.IDLE
    assert told(talk(AnswerEnded())) == [Played()]


@pytest.mark.parametrize("failed", [False, True])
def test_played_comes_once_per_audio_stop_also_when_playback_failed(failed: bool) -> None:
    talk = Talk()
    effects = talk(SPEECH, AnswerEnded(), PlaybackFinished(1, failed=failed), PlaybackFinished(1), AnswerEnded())
    assert told(effects) == [Played()]


def test_a_speaker_that_fails_before_the_end_still_owes_played_at_the_end() -> None:
    talk = Talk()
    assert told(talk(SPEECH, PlaybackFinished(1, failed=True))) == []
    assert told(talk(AnswerEnded())) == [Played()]


def test_empty_sound_is_played_too() -> None:
    talk = Talk()
    assert talk(SPEECH, AnswerEnded()) == [PlayStart(1, 22_050, 1, 2), PlayEnd(1)]
    assert told(talk(PlaybackFinished(1))) == [Played()]


def test_two_announcements_in_a_row_owe_two() -> None:
    talk = Talk()
    talk(SPEECH, AnswerEnded(), SPEECH, AnswerEnded())
    assert told(talk(PlaybackFinished(1), PlaybackFinished(2))) == [Played(), Played()]
    assert talk.state.phase is Phase.IDLE


@pytest.mark.parametrize("before", [(), (WAKE,), (WAKE, Transcribing()), (WAKE, Transcribing(), VoiceStopped())])
def test_an_announcement_plays_in_every_phase(before: tuple[Event, ...]) -> None:
    talk = Talk()
    talk(*before)
    effects = talk(SPEECH, AnswerAudio(b"\0\0"), AnswerEnded(), PlaybackFinished(1))
    assert [kind for kind in kinds(effects) if kind in (PlayStart, PlayAudio, PlayEnd)] == [
        PlayStart,
        PlayAudio,
        PlayEnd,
    ]
    assert told(effects) == [Played()]
    assert talk.state.phase is Phase.IDLE


def test_an_announcement_while_muted_plays() -> None:
    talk = Talk()
    talk(MuteChanged(True))
    assert PlayStart in kinds(talk(SPEECH))


def test_a_new_start_without_a_stop_ends_the_old_sound_unplayed() -> None:
    talk = Talk()
    effects = talk(SPEECH, SPEECH, AnswerEnded(), PlaybackFinished(1), PlaybackFinished(2))
    assert told(effects) == [Played()]


def test_barge_in_before_the_audio_stop_owes_nothing_and_drops_the_rest() -> None:
    talk = Talk().answering()
    effects = talk(WAKE)
    assert effects[0] == StopPlayback()
    assert told(effects) == [Detection("hey_jarvis"), RunPipeline()]
    talk(Transcribing())
    assert talk(AnswerAudio(b"\0\0"), AnswerEnded()) == []


def test_barge_in_after_the_audio_stop_tells_played_before_detection() -> None:
    talk = Talk().answering()
    talk(AnswerEnded())
    effects = talk(WAKE)
    assert told(effects) == [Played(), Detection("hey_jarvis"), RunPipeline()]
    assert told(talk(PlaybackFinished(1))) == []


@pytest.mark.parametrize("settled", [Transcribing(), PipelineFailed("c", "t")])
def test_an_old_answer_that_starts_late_is_dropped_until_the_new_run_is_settled(settled: Event) -> None:
    talk = Talk().streaming()
    talk(VoiceStopped(), TranscriptReceived("x"), WAKE)
    assert talk(SPEECH, AnswerAudio(b"\0\0"), AnswerEnded()) == []
    talk(settled)
    assert PlayStart in kinds(talk(SPEECH))


def test_a_dropped_stream_is_dropped_to_its_own_end_even_later() -> None:
    talk = Talk().answering()
    talk(WAKE, Transcribing())
    assert talk(AnswerAudio(b"\0\0")) == []
    assert talk.after(10) == []
    assert talk(AnswerAudio(b"\0\0"), AnswerEnded()) == []
    assert PlayStart in kinds(talk(SPEECH))


def test_sound_is_dropped_for_3_s_at_most() -> None:
    talk = Talk().answering()
    talk(AnswerEnded(), WAKE, SpeechEnded(2, 1, EndReason.SILENCE))
    talk.now_s += moves.STALE_S
    assert PlayStart in kinds(talk(SPEECH))


def test_a_run_that_nobody_streams_to_is_ended() -> None:
    """An announcement that crosses our run-pipeline must not leave the server listening for ever."""
    talk = Talk()
    talk(WAKE, SPEECH)
    assert told(talk(Transcribing())) == [MicStop()]


def test_the_newest_server_wins_and_the_old_is_owed_nothing() -> None:
    talk = Talk().answering()
    talk(AnswerEnded())
    talk(ServerConnected(2, "other"))
    assert told(talk(PlaybackFinished(1))) == []
    assert RunPipeline() in told(talk(WAKE))


def test_the_loss_of_an_old_connection_does_not_touch_the_new_one() -> None:
    talk = Talk()
    talk(ServerConnected(2, "other"), WAKE)
    assert talk(ServerLost(1, "late")) == []
    assert talk.state.streaming


def test_what_was_received_plays_on_when_the_server_goes() -> None:
    talk = Talk().answering()
    effects = talk(ServerLost(1, "gone"))
    assert effects == [PlayEnd(1)]


def test_mute_while_idle_only_mutes() -> None:
    talk = Talk()
    assert talk(MuteChanged(True)) == [ListenFor(None, muted=True)]
    assert talk(MuteChanged(False)) == [ListenFor(None, muted=False)]


def test_who_mutes_in_a_command_hears_what_came_of_it_so_far_and_a_question_opens_no_microphone() -> None:
    talk = Talk()
    talk(WAKE, Transcribing())
    assert talk(MuteChanged(True)) == [TellServer(MicStop()), ListenFor(None, muted=True), PlayCue("done")]
    talk(TranscriptReceived("light"), AnswerText("Which one?"))
    assert PlayStart(1, 22_050, 1, 2) in talk(SPEECH)
    talk(AnswerEnded())
    assert talk(PlaybackFinished(1)) == [TellServer(Played())]


# --- answers that ask -----------------------------------------------------------------------------------------------


def asked(talk: Talk, text: str = "Which one?") -> list[Effect]:
    """A turn whose answer says `text`, to the end of its sound."""
    if not talk.state.streaming:
        talk(WAKE)
    talk(Transcribing(), SpeechEnded(talk.state.turn, 1, EndReason.SILENCE), TranscriptReceived("light"))
    talk(AnswerText(text), SPEECH, AnswerEnded())
    return talk(PlaybackFinished(talk.state.sounds[0].source))


@pytest.mark.parametrize("text", ["Which one?", "\u54ea\u4e00\u4e2a\uff1f", "Really? "])
def test_after_a_question_it_listens_without_a_wake_word_once_it_has_been_heard(text: str) -> None:
    talk = Talk()
    effects = asked(talk, text)
    assert told(effects) == [Played(), RunPipeline()]
    assert ListenFor(Command(2, None, follows_up=True), muted=False) in effects
    assert effects[-1] == PlayCue("follow_up")
    assert talk(Transcribing()) == [], "one sound is enough"


def test_a_question_may_be_known_only_while_it_is_spoken() -> None:
    talk = Talk().streaming()
    talk(TranscriptReceived("light"), SPEECH, AnswerText("Which one?"), AnswerEnded())
    assert RunPipeline() in told(talk(PlaybackFinished(1)))


@pytest.mark.parametrize(("follow_up", "text"), [("question", "Done."), ("never", "Which one?")])
def test_otherwise_it_waits_for_the_wake_word(follow_up: str, text: str) -> None:
    talk = Talk()
    talk.state = replace(talk.state, follow_up=follow_up)
    assert asked(talk, text) == [TellServer(Played())]
    assert talk.state.phase is Phase.IDLE


def test_it_may_listen_after_every_answer() -> None:
    talk = Talk()
    talk.state = replace(talk.state, follow_up="always")
    assert RunPipeline() in told(asked(talk, "Done."))


def test_an_announcement_never_opens_the_microphone() -> None:
    talk = Talk()
    talk.state = replace(talk.state, follow_up="always")
    assert told(talk(AnswerText("Are you there?"), SPEECH, AnswerEnded(), PlaybackFinished(1))) == [Played()]


UNHEARD: tuple[tuple[str, tuple[Event, ...]], ...] = (
    ("a stop word silenced it", (SPEECH, AnswerEnded(), WakeDetected("stop", "Stop", 0.9, 16_000, -55.0))),
    ("it could not be spoken", (PipelineFailed("tts-failed", ""),)),
    ("the server muted us", (SPEECH, ServerPaused(), ServerConnected(2, "peer"))),
)


@pytest.mark.parametrize("unheard", [events for _, events in UNHEARD], ids=[name for name, _ in UNHEARD])
@pytest.mark.parametrize("follow_up", ["question", "always"])
def test_a_question_that_was_not_heard_out_is_forgotten_and_a_later_announcement_does_not_open_the_microphone(
    follow_up: str, unheard: tuple[Event, ...]
) -> None:
    talk = Talk()
    talk.state = replace(talk.state, follow_up=follow_up, stop_words=frozenset({"stop"}))
    talk.streaming()(SpeechEnded(1, 1, EndReason.SILENCE), TranscriptReceived("light"), AnswerText("Which one?"))
    talk(*unheard)
    assert talk.state.phase is Phase.IDLE
    talk(SPEECH, AnswerEnded())
    assert RunPipeline() not in told(talk(PlaybackFinished(talk.state.sounds[0].source)))


def test_an_announcement_that_comes_instead_of_the_answer_does_not_open_the_microphone() -> None:
    talk = Talk()
    talk.state = replace(talk.state, follow_up="always")
    talk.streaming()(SpeechEnded(1, 1, EndReason.SILENCE), TranscriptReceived("light"))
    assert told(talk(SPEECH, AnswerEnded(), PlaybackFinished(1))) == [Played()]


def test_a_question_that_the_speaker_could_not_say_does_not_open_the_microphone() -> None:
    talk = Talk().streaming()
    talk(SpeechEnded(1, 1, EndReason.SILENCE), TranscriptReceived("light"), AnswerText("Which one?"))
    talk(SPEECH, AnswerEnded())
    assert told(talk(PlaybackFinished(1, failed=True))) == [Played()]


def test_an_answer_without_sound_never_opens_the_microphone_later() -> None:
    talk = Talk()
    talk.state = replace(talk.state, follow_up="always")
    talk.streaming()(SpeechEnded(1, 1, EndReason.SILENCE), TranscriptReceived("light"))
    talk.after(session.ANSWER_S + 1)
    assert talk.state.phase is Phase.IDLE
    talk(SPEECH, AnswerEnded())
    assert told(talk(PlaybackFinished(1))) == [Played()]


def test_questions_for_ever_do_not_keep_the_microphone_open() -> None:
    talk = Talk()
    for _ in range(session.MOST_FOLLOW_UPS):
        assert RunPipeline() in told(asked(talk))
    assert told(asked(talk)) == [Played()]
    assert RunPipeline() in told(asked(talk)), "a wake word begins anew"


def test_who_does_not_answer_a_question_is_not_bothered() -> None:
    talk = Talk()
    asked(talk)
    talk(Transcribing(), SpeechEnded(2, 1, EndReason.NO_SPEECH))
    assert talk(PipelineFailed("stt-no-text-recognized", "")) == []
    assert talk.state.phase is Phase.IDLE


def test_after_a_barge_in_the_old_question_is_forgotten() -> None:
    talk = Talk().streaming()
    talk(TranscriptReceived("light"), AnswerText("Which one?"), SPEECH, WAKE, Transcribing())
    talk(SpeechEnded(2, 1, EndReason.SILENCE), AnswerEnded(), TranscriptReceived("off"), AnswerText("Off."), SPEECH)
    assert told(talk(AnswerEnded(), PlaybackFinished(2))) == [Played()]


def test_a_stop_word_silences_an_answer_and_listens_to_nothing() -> None:
    talk = Talk()
    talk.state = replace(talk.state, stop_words=frozenset({"stop"}))
    word = WakeDetected("stop", "Stop", 0.9, 16_000, -55.0)
    assert talk(word) == []
    talk.answering()(AnswerEnded())
    assert talk(word) == [StopPlayback(), TellServer(Played())]
    assert talk.state.phase is Phase.IDLE
    assert kinds(talk(SPEECH)) == [PlayStart], "an announcement right afterwards is heard"
    talk(word)
    assert talk(AnswerAudio(b"\0\0")) == [], "the rest of what was stopped is dropped"
    assert told(talk(AnswerEnded())) == [Played()], "else the server would think that it is still heard"


def test_listening_without_a_wake_word_names_none() -> None:
    effects = Talk()(ListenRequested())
    assert told(effects) == [RunPipeline()]
    assert ListenFor(Command(1, None), muted=False) in effects


@given(st.lists(st.sampled_from(EXAMPLES) | st.floats(0.0, 40.0), max_size=40))
def test_no_story_breaks_it(story: list[Event | float]) -> None:
    """Any events at any times: only IllegalEvent is raised and changes nothing; Played is never told more often than
    sound ended; a Tick is always due while a turn waits; after enough time and a lost server all is idle."""
    talk = Talk()
    ended = played = 0
    for entry in story:
        if isinstance(entry, float):
            played += told(talk.after(entry)).count(Played())
            continue
        ended += isinstance(entry, AnswerEnded)
        before = talk.state
        try:
            played += told(talk(entry)).count(Played())
        except IllegalEvent:
            assert talk.state == before
        assert played <= ended
        if talk.state.streaming or talk.state.phase is Phase.TRANSCRIBING:
            assert talk.deadline_s is not None
    talk.after(1_000)
    assert talk.state.phase in (Phase.IDLE, Phase.ANSWERING)
    if talk.state.phase is Phase.ANSWERING:
        assert all(sound.complete for sound in talk.state.sounds)


def test_illegal_pairs_change_nothing() -> None:
    for phase, event in itertools.product(Phase, EXAMPLES):
        state = State(phase=phase, connection=None)
        if isinstance(event, events.FROM_SERVER):
            with pytest.raises(IllegalEvent):
                step(state, event, 0.0)


def test_a_sound_of_a_lost_server_is_owed_to_nobody_even_if_the_next_has_its_number() -> None:
    talk = Talk().answering()
    talk(AnswerEnded(), ServerLost(1, "gone"), ServerConnected(1, "peer"))
    assert told(talk(PlaybackFinished(1))) == []


@pytest.mark.parametrize("late", [TranscriptReceived("old"), VoiceStopped()])
def test_what_the_server_says_of_the_run_before_does_not_end_the_new_one(late: Event) -> None:
    talk = Talk().streaming()
    talk(SpeechEnded(1, 1, EndReason.SILENCE), WAKE)
    assert talk(late) == []
    talk(Transcribing())
    assert talk.state.phase is Phase.LISTENING
    assert ListenFor(None, muted=False) in talk(late)


# Somebody else hears the wake word


WATCHING = [RunPipeline(from_wake=True), warm_up()]


def watching(mode: str = "always") -> Talk:
    """Home Assistant listens for the wake word, if `mode` is "always"."""
    talk = Talk(connected=False)
    talk.state = replace(talk.state, sends_room=mode)
    return talk


def test_home_assistant_gets_the_room_and_its_own_run_becomes_the_turn_without_a_gap() -> None:
    talk = watching()
    assert told(talk(ServerConnected(1, "peer"))) == WATCHING
    (sent,) = told(talk(RemoteListening(), RoomAudio(1_000, b"\1\0" * 1_280)))
    assert isinstance(sent, MicAudio)
    assert len(sent.pcm) == 2_560
    assert talk(RemoteWake("okay_nabu")) == [StartStream(1, None), ListenFor(Command(1, 2_280), muted=False)]
    assert talk(RoomAudio(2_280, b"\1\0")) == []
    assert talk(Transcribing()) == [PlayCue("awake")]
    assert told(talk(SpeechAudio(1, 2_280, b"\1\0"), SpeechEnded(1, 9, EndReason.SILENCE)))[-1] == MicStop()
    talk(TranscriptReceived("x"), SPEECH, AnswerEnded())
    assert told(talk(PlaybackFinished(1))) == [Played(), *WATCHING]


def test_with_voices_only_nothing_is_sent_before_somebody_speaks_and_nothing_after() -> None:
    talk = watching("voice")
    assert told(talk(ServerConnected(1, "peer"), RoomAudio(0, b"\1\0"))) == []
    assert told(talk(VoiceBegan(5_000))) == WATCHING
    assert len(told(talk(RemoteListening(), RoomAudio(0, b"\1\0"), VoiceOver(9_000)))) == 2
    assert told(talk(RoomAudio(9_000, b"\1\0"))) == []


@pytest.mark.parametrize("mode", ["always", "voice"])
def test_muted_by_anyone_no_sound_of_the_room_is_sent_and_unmuted_it_is_again(mode: str) -> None:
    talk = watching(mode)
    talk(VoiceBegan(0), ServerConnected(1, "peer"), RemoteListening())
    assert told(talk(MuteChanged(True))) == [MicStop()]
    assert talk(RoomAudio(0, b"\1\0")) == []
    assert told(talk(MuteChanged(False))) == WATCHING
    assert told(talk(ServerPaused())) == []
    assert talk(RoomAudio(0, b"\1\0")) == []
    assert told(talk(ServerConnected(2, "peer"))) == WATCHING


def test_a_pipeline_without_wake_word_is_asked_again_with_growing_pauses_and_without_a_sound() -> None:
    talk = watching()
    talk(ServerConnected(1, "peer"))
    for pause_s in (1, 2, 4, 8, 16, 30, 30):
        assert talk(PipelineFailed("wake-provider-missing", "none")) == []
        assert talk.after(pause_s - 0.01) == []
        assert told(talk.after(0.02)) == WATCHING


def test_no_wake_word_heard_is_no_failure() -> None:
    talk = watching()
    talk(ServerConnected(1, "peer"), RemoteListening())
    assert talk(PipelineFailed("wake-word-timeout", "nothing")) == [TellServer(message) for message in WATCHING]


def test_a_server_that_does_not_say_that_it_listens_is_kept_and_asked_again_later() -> None:
    talk = watching()
    talk(ServerConnected(1, "peer"))
    for pause_s in (1, 2, 4):
        assert talk.after(3.0) == [TellServer(MicStop()), RemoteDeaf(pause_s)]
        assert talk(RoomAudio(0, b"\1\0")) == []
        assert told(talk.after(pause_s)) == WATCHING


def test_an_announcement_or_a_command_asked_for_ends_the_listening_and_it_comes_back() -> None:
    talk = watching()
    talk(ServerConnected(1, "peer"), RemoteListening())
    talk(SPEECH)
    assert talk(RoomAudio(0, b"\1\0")) == []
    talk(AnswerEnded())
    assert told(talk(PlaybackFinished(1))) == [Played(), *WATCHING]
    assert told(talk(RemoteListening(), ListenRequested(), ListenRequested())) == [MicStop()]
    assert talk.after(0.2) == []
    assert told(talk.after(0.2)) == [RunPipeline()]
    assert talk(RemoteWake("late")) == []


def test_a_wake_word_that_nobody_was_asked_for_is_ignored() -> None:
    talk = Talk()
    assert talk(RemoteWake("x"), RemoteListening()) == []
    assert talk.state.phase is Phase.IDLE


def test_a_command_after_a_remote_wake_is_not_sent_to_another_server() -> None:
    talk = watching()
    talk(ServerConnected(1, "peer"), RemoteListening(), RemoteWake("x"), Transcribing())
    assert kinds(talk(ServerLost(1, "gone"))) == [ListenFor, PlayCue]
    assert told(talk(ServerConnected(2, "peer"))) == WATCHING
