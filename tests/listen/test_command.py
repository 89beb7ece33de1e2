"""What is done to the sound of commands, and that nothing else hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listen.scripted import scripted
from signals import noise, silence, tone, with_dc
from speech import clip, model

from satellite.config import CommandConfig, ProcessingConfig
from satellite.core.audio import RATE_HZ, Frame, Int16, samples_of
from satellite.core.effects import Command, ListenSettings
from satellite.core.events import EndReason, Event, SpeechAudio, SpeechEnded, SpeechStarted, WakeDetected
from satellite.detect.wakeword import WakeModel, WakeWords
from satellite.dsp import webrtc
from satellite.dsp.level import peak_dbfs, rms_dbfs
from satellite.listen.listener import Listener

WAKE_AT = 25 * 1280
SCRIPT = {WAKE_AT: {"alexa": 0.9}}
OURS = ProcessingConfig(high_pass_hz=20, agc="slow")
ALL = [OURS, ProcessingConfig(limiter=True), ProcessingConfig(peak_normalise=True)]
if not webrtc.missing():
    ALL += [ProcessingConfig(noise_suppression="high", agc="webrtc")]


def turn_of_speech() -> Int16:
    """A quiet word that ends 0.1 s after its hop, a quiet command from 2.5 s to 3.7 s, and less up to 6 s."""
    word = np.concatenate([noise(1.5, -75), tone(300, 0.6, -36), noise(0.4, -75, seed=1)])
    command = np.concatenate([tone(250, 1.2, -36), noise(2.3, -75, seed=2)])
    return np.concatenate([word, command])


def turn(
    processing: ProcessingConfig,
    sound: Int16,
    cuts: Iterable[int] = (),
    asked_at: int = WAKE_AT,
    muted_at: int = 96_000,
) -> list[Event]:
    listener, events, at = scripted(SCRIPT, processing=processing, gain_db=6), [], 0
    for part in np.split(sound, sorted({*cuts, asked_at})):
        how = ListenSettings(command=Command(1, WAKE_AT) if at >= asked_at else None)
        events += listener.feed(Frame(part, at), how, False)
        at += len(part)
    return events + listener.flush()


def streamed(events: Sequence[Event]) -> tuple[int, Int16]:
    """Where the sound begins, and the sound, which is without gaps."""
    audio = [event for event in events if isinstance(event, SpeechAudio)]
    assert all(one.start + len(one.pcm) // 2 == after.start for one, after in pairwise(audio))
    return audio[0].start, samples_of(b"".join(event.pcm for event in audio))


def others(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, SpeechAudio)]


@pytest.mark.parametrize("processing", ALL)
def test_all_decisions_are_those_of_the_sound_as_it_came_and_no_sample_is_lost(processing: ProcessingConfig) -> None:
    plain, processed = turn(ProcessingConfig(), turn_of_speech()), turn(processing, turn_of_speech())
    assert others(processed) == others(plain)
    assert streamed(processed)[0] == streamed(plain)[0]
    assert len(streamed(processed)[1]) == len(streamed(plain)[1])
    assert not np.array_equal(streamed(processed)[1], streamed(plain)[1]) or processing.limiter


@pytest.mark.parametrize("processing", ALL)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 96_000), max_size=60), asked_at=st.integers(WAKE_AT, WAKE_AT + 40_000))
def test_neither_the_cutting_nor_a_late_request_changes_what_is_sent(
    processing: ProcessingConfig, cuts: list[int], asked_at: int
) -> None:
    begin, sound = streamed(turn(processing, turn_of_speech(), cuts, asked_at))
    expected_begin, expected = streamed(turn(processing, turn_of_speech()))
    assert begin == expected_begin
    assert sound.tobytes() == expected.tobytes()


def test_the_slow_gain_knows_the_voice_from_its_wake_word() -> None:
    begin, sound = streamed(turn(ProcessingConfig(agc="slow"), turn_of_speech()))
    command = sound[round(2.5 * RATE_HZ) - begin :][:RATE_HZ]
    assert rms_dbfs(command) == pytest.approx(-18, abs=1)
    assert peak_dbfs(sound) <= -1


def test_an_offset_makes_no_thump_where_the_sound_begins() -> None:
    _, sound = streamed(turn(ProcessingConfig(high_pass_hz=20), with_dc(turn_of_speech(), 3_000)))
    assert abs(int(np.mean(sound))) <= 1
    assert np.abs(sound[:1600]).max() < 1_500


@pytest.mark.parametrize("processing", ALL)
@pytest.mark.parametrize("muted_at", [50_000, 50_123])
def test_what_is_held_when_mute_is_pressed_is_not_sent(processing: ProcessingConfig, muted_at: int) -> None:
    listener, sound = scripted(processing=processing), with_dc(turn_of_speech(), 500)
    how = ListenSettings(command=Command(1, None))
    said = listener.feed(Frame(sound[:muted_at], 0), how, False)
    hidden = listener.feed(Frame(sound[muted_at:], muted_at), replace(how, muted=True), False) + listener.flush()
    assert streamed(said)[1].any()
    assert not streamed(hidden)[1].any()
    begin, everything = streamed(said + hidden)
    assert begin + len(everything) == len(sound)


def reply(sound: Int16, cuts: Iterable[int] = ()) -> list[Event]:
    """What is heard of a reply to a question, of which the first second of `sound` was heard before it ended."""
    listener, events, at = scripted(follow_up_s=2), [], 0
    for part in np.split(sound, sorted({*cuts, RATE_HZ})):
        how = ListenSettings(command=Command(1, None, follows_up=True) if at >= RATE_HZ else None)
        events += listener.feed(Frame(part, at), how, False)
        at += len(part)
    return events


# The end of the question, heard 0.1 or 0.6 s late; and another 1.5 s of quiet.
QUESTIONS = [np.concatenate([tone(300, 1 + late_s, -20), silence(1.5)]) for late_s in (0.1, 0.6)]


@pytest.mark.parametrize("question", QUESTIONS, ids=["0.1 s", "0.6 s"])
def test_its_own_question_is_no_reply_to_it_and_is_not_sent(question: Int16) -> None:
    events = reply(np.concatenate([question, silence(1)]))
    (over,) = others(events)
    assert isinstance(over, SpeechEnded)
    assert over.reason is EndReason.NO_SPEECH
    begin, sound = streamed(events)
    assert (rms_dbfs(sound[512:]) < -80, begin + len(sound)) == (True, len(question) + RATE_HZ)


@given(cuts=st.lists(st.integers(0, 80_000), max_size=30))
def test_who_replies_when_the_question_is_over_is_heard_from_the_first_sample_however_it_is_cut(
    cuts: list[int],
) -> None:
    said = tone(250, 0.8, -20)
    for question in QUESTIONS:
        sound = np.concatenate([question[: -round(1.4 * RATE_HZ)], said, silence(2)])
        events = reply(sound, [cut for cut in cuts if cut < len(sound)])
        began, over = others(events)
        assert isinstance(began, SpeechStarted)
        assert isinstance(over, SpeechEnded)
        assert over.reason is EndReason.SILENCE
        assert said.tobytes() in streamed(events)[1].tobytes()


def test_who_speaks_on_from_the_end_of_the_question_is_sent_whole() -> None:
    events = reply(np.concatenate([tone(300, 2.5, -20), silence(1.5)]))
    assert [type(event) for event in others(events)] == [SpeechStarted, SpeechEnded]
    assert streamed(events)[0] == RATE_HZ


def test_what_did_not_fit_is_counted() -> None:
    def clipped(**options: float) -> int:
        listener = scripted(gain_db=30, processing=ProcessingConfig(**options))  # type: ignore[arg-type]
        listener.feed(Frame(tone(300, 1, -20), 0), ListenSettings(command=Command(1, None)), False)
        return listener.statistics().clipped

    assert clipped() > 8_000
    assert clipped(limiter=True) == 0


def test_the_wake_words_scores_are_the_same_with_everything_on() -> None:
    words = WakeModel("alexa", model("alexa"), "Alexa")
    sound = np.concatenate([noise(2, -70), clip("alexa"), silence(0.5), clip("timer"), noise(1, -70), clip("alexa")])

    def wakes(processing: ProcessingConfig) -> list[Event]:
        engine = WakeWords([words], model("melspectrogram"), model("embedding"))
        listener, how, events = Listener(CommandConfig(), engine, None, processing=processing), ListenSettings(), []
        for at in range(0, len(sound), 256):
            events += listener.feed(Frame(sound[at : at + 256], at), how, False)
            wake = next((event for event in events if isinstance(event, WakeDetected)), None)
            # Its command lasts a second: in it and after it the models hear what they would hear anyhow.
            how = ListenSettings(command=Command(1, wake.at) if wake and at < wake.at + RATE_HZ else None)
        return others(events)

    plain = wakes(ProcessingConfig())
    assert sum(isinstance(event, WakeDetected) for event in plain) >= 1
    for processing in ALL:
        assert wakes(processing) == plain
