from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listen.scripted import scripted
from signals import noise, silence, tone

from satellite.core.audio import RATE_HZ, Frame, Int16, samples_of
from satellite.core.effects import Command, ListenSettings
from satellite.core.errors import IllegalEvent
from satellite.core.events import AudioLost, EndReason, Event, SpeechAudio, SpeechEnded, SpeechStarted, WakeDetected
from satellite.listen.listener import RING_SAMPLES, Listener

HOP = 1280
WAKE_AT = 25 * HOP
COMMAND = ListenSettings(command=Command(1, WAKE_AT))
WAITING = ListenSettings()
SCRIPT = {WAKE_AT: {"alexa": 0.9}}


def turn_of_speech() -> Int16:
    """A word that ends 0.1 s after its hop, a command from 2.5 s to 3.7 s, and quiet up to 6 s."""
    word = np.concatenate([noise(1.5, -65), tone(300, 0.6, -25), noise(0.4, -65, seed=1)])
    command = np.concatenate([tone(250, 1.2, -25), noise(2.3, -65, seed=2)])
    return np.concatenate([word, command])


def feed(
    listener: Listener,
    sound: Int16,
    how: ListenSettings = WAITING,
    *,
    cuts: Iterable[int] = (),
    start: int = 0,
    playing: bool = False,
) -> list[Event]:
    events, at = [], start
    for part in np.split(sound, sorted(cuts)):
        events += listener.feed(Frame(part, at), how, playing)
        at += len(part)
    return events


def streamed(events: Sequence[Event]) -> tuple[int, Int16]:
    """Where the sound of a command begins, and the sound; it must be without gaps."""
    audio = [event for event in events if isinstance(event, SpeechAudio)]
    for one, next_one in pairwise(audio):
        assert one.start + len(one.pcm) // 2 == next_one.start
    return audio[0].start, samples_of(b"".join(event.pcm for event in audio))


def others(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, SpeechAudio)]


def whole_turn(cuts: Iterable[int] = (), asked_at: int = WAKE_AT, start: int = 0) -> list[Event]:
    """The command is asked for at the first cut from `asked_at` on, and taken back 0.5 s after its end."""
    listener, sound = scripted(SCRIPT, start=start), turn_of_speech()
    command = ListenSettings(command=Command(1, start + WAKE_AT))
    events, at = [], 0
    for part in np.split(sound, sorted({*cuts, asked_at})):
        events += listener.feed(Frame(part, start + at), command if at >= asked_at else WAITING, False)
        at += len(part)
    return events


# --- a turn -----------------------------------------------------------------------------------------------------------


def test_a_wake_is_dated_by_the_end_of_its_hop_and_tells_the_rooms_floor() -> None:
    (wake,) = feed(scripted(SCRIPT), turn_of_speech()[: 26 * HOP])
    assert isinstance(wake, WakeDetected)
    assert (wake.model, wake.phrase, wake.score, wake.at) == ("alexa", "Alexa", 0.9, WAKE_AT)
    assert wake.floor_dbfs == pytest.approx(-65, abs=1.5)


def test_a_command_is_streamed_whole_and_its_speech_found() -> None:
    events = whole_turn()
    begin, sound = streamed(events)
    word_end, command_begin, command_end = (round(at_s * RATE_HZ) for at_s in (2.1, 2.5, 3.7))
    assert word_end - 0.25 * RATE_HZ <= begin <= command_begin
    np.testing.assert_array_equal(sound, turn_of_speech()[begin:])
    _, started, ended = others(events)
    assert isinstance(started, SpeechStarted)
    assert abs(started.at - command_begin) <= 512
    assert isinstance(ended, SpeechEnded)
    assert ended.reason is EndReason.SILENCE
    assert 0 <= ended.at - command_end - 0.57 * RATE_HZ <= 1024
    assert {started.turn, ended.turn} == {1}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 96_000), max_size=60), st.integers(WAKE_AT, WAKE_AT + 40_000))
def test_neither_the_cutting_nor_a_late_request_changes_anything(cuts: list[int], asked_at: int) -> None:
    events, expected = whole_turn(cuts, asked_at), whole_turn()
    assert others(events) == others(expected)
    begin, sound = streamed(events)
    assert begin == streamed(expected)[0]
    assert sound.tobytes() == streamed(expected)[1].tobytes()


@pytest.mark.parametrize("size", [1, 160, 256, 441, 1280, 96_000])
def test_frames_of_any_size_give_the_same_events(size: int) -> None:
    events, expected = whole_turn(range(size, 96_000, size)), whole_turn()
    assert others(events) == others(expected)
    assert streamed(events)[1].tobytes() == streamed(expected)[1].tobytes()


def test_sample_indexes_may_begin_anywhere() -> None:
    def shifted(events: list[Event]) -> list[tuple[type, int]]:
        return [(type(event), event.at) for event in others(events)]  # type: ignore[union-attr]

    start = 1_000_003
    assert shifted(whole_turn(start=start)) == [(kind, at + start) for kind, at in shifted(whole_turn())]


def test_the_first_sound_comes_within_250_ms_of_the_hop() -> None:
    listener = scripted(SCRIPT)
    sound = np.concatenate([turn_of_speech()[: 30 * HOP], tone(300, 2, -25)])
    feed(listener, sound[:WAKE_AT])
    at = WAKE_AT
    while not listener.feed(Frame(sound[at : at + 256], at), COMMAND, False):
        at += 256
    assert at + 256 - WAKE_AT <= 0.25 * RATE_HZ + 256


def test_the_sound_goes_on_after_the_end_until_the_command_is_taken_back() -> None:
    listener = scripted(SCRIPT)
    sound = turn_of_speech()
    feed(listener, sound[:WAKE_AT])
    events = feed(listener, sound[WAKE_AT:], COMMAND, start=WAKE_AT)
    begin, streamed_sound = streamed(events)
    assert begin + len(streamed_sound) == len(sound)
    assert feed(listener, noise(1), start=len(sound)) == []


def test_a_command_without_a_wake_word_begins_where_it_is_asked_for() -> None:
    listener = scripted()
    feed(listener, noise(1))
    how = ListenSettings(command=Command(5, None))
    sound = np.concatenate([noise(0.5, -65), tone(300, 0.5, -25), noise(1.5, -65)])
    events = feed(listener, sound, how, cuts=[100, 5000], start=RATE_HZ)
    begin, heard = streamed(events)
    assert begin == RATE_HZ
    np.testing.assert_array_equal(heard, sound)
    assert [type(event) for event in others(events)] == [SpeechStarted, SpeechEnded]


def test_an_empty_frame_brings_a_command() -> None:
    listener = scripted(SCRIPT)
    feed(listener, turn_of_speech()[: WAKE_AT + 8000])
    events = listener.feed(Frame(silence(0), WAKE_AT + 8000), COMMAND, False)
    begin, sound = streamed(events)
    assert begin + len(sound) == WAKE_AT + 8000


def test_a_second_command_is_a_turn_of_its_own() -> None:
    second = WAKE_AT + 60 * HOP
    listener = scripted({**SCRIPT, second: {"alexa": 0.8}})
    sound = np.concatenate([turn_of_speech(), turn_of_speech()])
    feed(listener, sound[:WAKE_AT])
    first = feed(listener, sound[WAKE_AT:96_000], COMMAND, start=WAKE_AT)
    (wake,) = feed(listener, sound[96_000 : second + 10], start=96_000)
    assert isinstance(wake, WakeDetected)
    events = feed(listener, sound[second + 10 :], ListenSettings(command=Command(2, wake.at)), start=second + 10)
    assert {event.turn for event in first} == {1}  # type: ignore[union-attr]
    assert {event.turn for event in events} == {2}  # type: ignore[union-attr]
    assert listener.statistics().commands == 2


def test_a_command_asked_for_too_late_begins_with_what_is_still_there() -> None:
    listener = scripted(SCRIPT)
    sound = np.concatenate([turn_of_speech(), noise(6)])
    feed(listener, sound)
    lost, *events = listener.feed(Frame(silence(0), len(sound)), COMMAND, False)
    begin, heard = streamed(events)
    assert begin == len(sound) - RING_SAMPLES
    np.testing.assert_array_equal(heard, sound[begin:])
    assert isinstance(lost, AudioLost)
    assert (lost.at, lost.count) == (begin, listener.statistics().late_samples)
    assert 0 < begin - lost.count <= WAKE_AT, "all of the command is counted, and a bit of its wake word"


def test_of_a_command_that_is_asked_for_in_time_nothing_is_lost() -> None:
    listener = scripted(SCRIPT)
    sound = turn_of_speech()[: WAKE_AT + RING_SAMPLES // 2]
    feed(listener, sound)
    assert not [
        event for event in listener.feed(Frame(silence(0), len(sound)), COMMAND, False) if isinstance(event, AudioLost)
    ]
    assert listener.statistics().late_samples == 0


def test_no_wake_word_is_reported_during_a_command_nor_within_its_refractory_time() -> None:
    script = {hop * HOP: {"alexa": 0.9} for hop in range(25, 80)}
    listener = scripted(script)
    wakes = feed(listener, noise(25 * HOP / RATE_HZ))
    during = feed(listener, noise(40 * HOP / RATE_HZ), COMMAND, start=WAKE_AT)
    after = feed(listener, noise(15 * HOP / RATE_HZ), start=65 * HOP)
    assert [type(event) for event in wakes] == [WakeDetected]
    assert others(during) == []
    assert [event.at for event in after] == [66 * HOP]  # type: ignore[union-attr]


def test_a_command_follows_its_own_wake_word_when_another_fired_since() -> None:
    listener = scripted({**SCRIPT, WAKE_AT + 3 * HOP: {"jarvis": 0.9}})
    sound = turn_of_speech()
    wakes = feed(listener, sound[: WAKE_AT + 4 * HOP])
    assert [event.at for event in wakes] == [WAKE_AT, WAKE_AT + 3 * HOP]  # type: ignore[union-attr]
    events = feed(listener, sound[WAKE_AT + 4 * HOP :], COMMAND, start=WAKE_AT + 4 * HOP)
    assert streamed(events)[0] == streamed(whole_turn())[0]


def test_a_threshold_set_at_run_time_is_obeyed() -> None:
    strict = ListenSettings(thresholds={"alexa": 0.95})
    assert feed(scripted(SCRIPT), noise(3), strict) == []


@pytest.mark.parametrize(
    ("sensitivity", "score", "heard"),
    [("high", 0.36, 1), ("high", 0.34, 0), ("normal", 0.49, 0), ("low", 0.69, 0), ("low", 0.71, 1)],
)
def test_the_sensitivity_moves_the_thresholds_at_run_time(sensitivity: str, score: float, heard: int) -> None:
    listener = scripted({WAKE_AT: {"alexa": score}})
    assert feed(listener, noise(1)) == []
    how = ListenSettings(sensitivity=sensitivity)
    assert len(feed(listener, noise(2), how, start=RATE_HZ)) == heard


def test_a_threshold_set_at_run_time_is_that_of_normal_sensitivity() -> None:
    how = ListenSettings(thresholds={"alexa": 0.97}, sensitivity="high")
    assert len(feed(scripted({WAKE_AT: {"alexa": 0.95}}), noise(3), how)) == 1
    assert feed(scripted({WAKE_AT: {"alexa": 0.94}}), noise(3), how) == []


@pytest.mark.parametrize(("sensitivity", "heard"), [("high", True), ("normal", True), ("low", False)])
def test_the_sensitivity_moves_what_counts_as_speech(sensitivity: str, heard: bool) -> None:
    listener = scripted(vad_threshold=0.85)
    how = ListenSettings(command=Command(1, None), sensitivity=sensitivity)
    sound = np.concatenate([noise(0.5, -65), tone(300, 0.5, -25), noise(1.5, -65)])
    events = others(feed(listener, sound, how))
    assert any(isinstance(event, SpeechStarted) for event in events) is heard


def test_nobody_speaks() -> None:
    listener = scripted(SCRIPT)
    events = feed(listener, noise(9), cuts=[WAKE_AT])
    events += feed(listener, noise(1), COMMAND, start=9 * RATE_HZ)
    *_, ended = others(events)
    assert isinstance(ended, SpeechEnded)
    assert ended.reason is EndReason.NO_SPEECH


# --- mute, gain, speaker ----------------------------------------------------------------------------------------------


def test_a_muted_microphone_gives_zeros_and_wakes_nobody() -> None:
    listener = scripted(SCRIPT)
    muted = ListenSettings(command=Command(1, None), muted=True)
    _, sound = streamed(feed(listener, noise(1, -20), muted))
    assert not sound.any()
    assert feed(scripted(SCRIPT), noise(3), ListenSettings(muted=True)) == []


def test_muting_wipes_what_was_said_before() -> None:
    listener = scripted(SCRIPT)
    sound = turn_of_speech()
    feed(listener, sound[: WAKE_AT + 8000])
    listener.feed(Frame(silence(0), WAKE_AT + 8000), ListenSettings(muted=True), False)
    _, heard = streamed(feed(listener, sound[WAKE_AT + 8000 :], COMMAND, start=WAKE_AT + 8000))
    assert not heard[: 8000 - 2000].any()
    np.testing.assert_array_equal(heard[-8000:], sound[-8000:])


def test_gain_is_for_the_streamed_sound_only() -> None:
    plain, loud = scripted(SCRIPT), scripted(SCRIPT, gain_db=12)
    sound = turn_of_speech()
    events = [feed(it, sound[:WAKE_AT]) + feed(it, sound[WAKE_AT:], COMMAND, start=WAKE_AT) for it in (plain, loud)]
    assert others(events[0]) == others(events[1])
    begin, louder = streamed(events[1])
    np.testing.assert_allclose(louder, np.clip(sound[begin:] * 10 ** (12 / 20), -32768, 32767), atol=0.51)
    assert loud.statistics().floor_dbfs == plain.statistics().floor_dbfs


def test_what_the_speaker_plays_is_not_the_room() -> None:
    listener = scripted()
    feed(listener, noise(2, -65))
    before = listener.statistics().floor_dbfs
    feed(listener, noise(5, -30), start=2 * RATE_HZ, playing=True)
    assert listener.statistics().floor_dbfs == before
    assert listener.statistics().level_dbfs == pytest.approx(-30, abs=0.5)


# --- gaps and ends ----------------------------------------------------------------------------------------------------


def test_a_gap_is_told_and_filled_with_zeros() -> None:
    listener = scripted()
    how = ListenSettings(command=Command(1, None))
    events = feed(listener, noise(1, -30), how)
    lost = listener.lost(4000, "overrun")
    events += lost + feed(listener, noise(1, -30), how, start=RATE_HZ + 4000)
    assert lost[0] == AudioLost(RATE_HZ, 4000, "overrun")
    _, sound = streamed(events)
    assert len(sound) == 2 * RATE_HZ + 4000
    assert not sound[RATE_HZ : RATE_HZ + 4000].any()
    statistics = listener.statistics()
    assert (statistics.gaps, statistics.lost_samples, statistics.samples) == (1, 4000, len(sound))


def test_a_gap_resets_nothing_but_a_wake_soon_after_it_needs_two_hops() -> None:
    def wakes(*hops: int) -> list[int]:
        listener = scripted({hop * HOP: {"alexa": 0.9} for hop in hops})
        feed(listener, noise(10 * HOP / RATE_HZ))
        listener.lost(HOP, "overrun")
        events = feed(listener, noise(39 * HOP / RATE_HZ), start=11 * HOP)
        return [event.at // HOP for event in events if isinstance(event, WakeDetected)]

    assert wakes(20) == []
    assert wakes(20, 21) == [21]
    assert wakes(30) == [30]


@pytest.mark.parametrize("gap_s", [2.5, 3.1, 60])
def test_the_longest_gap_costs_no_more_than_2_6_s_and_indexes_go_on(gap_s: float) -> None:
    gap = round(gap_s * RATE_HZ)
    spared = max(0, gap - 40_960) // 2560 * 2560
    heard_at = {hop: hop * HOP - spared for hop in range((RATE_HZ + gap) // HOP + 30, (RATE_HZ + gap) // HOP + 32)}
    listener = scripted({at: {"alexa": 0.9} for at in heard_at.values()})
    how = ListenSettings()
    feed(listener, noise(1), how)
    listener.lost(gap, "reopen")
    events = feed(listener, noise(3), how, start=RATE_HZ + gap)
    assert [event.at for event in events] == [min(heard_at) * HOP]  # type: ignore[union-attr]
    assert listener.statistics().hops * HOP <= 4 * RATE_HZ + 40_960 + 2560


def test_a_long_gap_in_a_command_ends_it() -> None:
    listener = scripted()
    how = ListenSettings(command=Command(1, None))
    feed(listener, np.concatenate([noise(1, -65), tone(300, 1, -25)]), how)
    events = listener.lost(60 * RATE_HZ, "reopen")
    reasons = [event.reason for event in events if isinstance(event, SpeechEnded)]
    assert reasons in ([EndReason.SILENCE], [EndReason.TOO_LONG])
    assert sum(len(event.pcm) for event in events if isinstance(event, SpeechAudio)) <= 2 * (RING_SAMPLES + 43_520)
    assert feed(listener, noise(1), how, start=62 * RATE_HZ)


def test_the_end_of_the_input_ends_the_command() -> None:
    listener = scripted(SCRIPT)
    sound = turn_of_speech()[:50_000]
    feed(listener, sound[:WAKE_AT])
    events = feed(listener, sound[WAKE_AT:], COMMAND, start=WAKE_AT) + listener.flush()
    assert others(events)[-1] == SpeechEnded(1, 50_000, EndReason.FLUSHED)
    begin, heard = streamed(events)
    assert begin + len(heard) == 50_000


def test_the_end_of_the_input_gives_what_was_held_back() -> None:
    listener = scripted(SCRIPT)
    sound = np.concatenate([noise(1.5, -65), tone(300, 0.6, -25)])[: WAKE_AT + 100]
    feed(listener, sound[:WAKE_AT])
    events = feed(listener, sound[WAKE_AT:], COMMAND, start=WAKE_AT)
    assert events == []
    begin, heard = streamed(listener.flush())
    assert begin < WAKE_AT
    assert begin + len(heard) == WAKE_AT + 100


def test_a_command_asked_for_after_the_end_of_the_input_ends_at_once() -> None:
    listener = scripted(SCRIPT)
    feed(listener, turn_of_speech()[:50_000])
    assert listener.flush() == []
    events = listener.feed(Frame(silence(0), 50_000), COMMAND, False)
    assert others(events)[-1] == SpeechEnded(1, 50_000, EndReason.FLUSHED)


def test_a_frame_that_does_not_follow_the_one_before_is_a_bug() -> None:
    listener = scripted()
    feed(listener, noise(0.1))
    with pytest.raises(IllegalEvent, match="begins at sample 1 instead of 1600"):
        listener.feed(Frame(noise(0.1), 1), WAITING, False)
    assert feed(listener, noise(0.1), start=1600) == []


def test_the_statistics_count_what_was_heard() -> None:
    listener = scripted(SCRIPT)
    feed(listener, turn_of_speech()[:WAKE_AT])
    assert listener.statistics().speech_windows == 0
    feed(listener, turn_of_speech()[WAKE_AT:], COMMAND, start=WAKE_AT)
    statistics = listener.statistics()
    assert (statistics.samples, statistics.hops, statistics.wakes, statistics.commands) == (96_000, 75, 1, 1)
    assert statistics.speech_windows > 30
    assert statistics.warm
