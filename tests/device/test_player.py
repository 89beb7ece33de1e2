"""Several sounds at one speaker: who is heard how loud, what is taken away, and nothing lost. Without a clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.config import SpeakerConfig
from satellite.core.audio import AudioFormat
from satellite.device.player import PlayCounts, Player
from satellite.device.priority import Priority
from satellite.device.voice import Voice
from satellite.device.voices import MOST, Voices

CARD = AudioFormat(48_000, 1, 2)
PERIOD = 480
BUFFER = 5 * PERIOD
FADE = 4_800


class PatientSink:
    """A card that plays on only when it must make room for a write, or is told to."""

    def __init__(self) -> None:
        self.format = CARD
        self.period_frames = PERIOD
        self.description = "a patient speaker"
        self.may_hang = True
        self.underruns = self.drops = self.drains = 0
        self._samples = np.zeros(0, np.int16)
        self._queued = 0

    def write(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2")
        self._samples = np.concatenate((self._samples, samples))
        self._queued = min(self._queued + len(samples), BUFFER)

    def give_up(self) -> None:
        pass

    def queued_frames(self) -> int:
        return self._queued

    def play(self) -> None:
        """All that is queued."""
        self._queued = 0

    def drop(self) -> None:
        self.drops += 1
        self._samples = self.heard()
        self._queued = 0

    def drain(self) -> None:
        self.drains += 1
        self._queued = 0

    def close(self) -> None:
        pass

    def heard(self) -> np.ndarray:
        return self._samples[: len(self._samples) - self._queued]

    def written(self) -> np.ndarray:
        return self._samples


class Timeless(Voices):
    """Sounds for which nobody waits: here no time goes by but on the card."""

    def wait(self, changes: int, seconds: float | None) -> None:
        pass


class Room:
    """A player with its sounds and its speaker."""

    def __init__(self, config: SpeakerConfig | None = None) -> None:
        self.sink = PatientSink()
        self.voices = Timeless()
        self.counts = PlayCounts()
        self.told: list[int | str] = []
        self.player = Player(
            self.sink,
            self.voices,
            lambda _voice: None,
            self._heard,
            self.counts,
            config=config or SpeakerConfig(idle_s=0),
            percent=100,
        )

    def _heard(self, voices: Sequence[Voice]) -> None:
        self.told += [voice.source for voice in voices]

    def play(self, source: int, samples: np.ndarray, priority: Priority = Priority.SPEECH, percent: int = 100) -> None:
        self.voices.begin(source, CARD, priority, percent)
        self.voices.feed(source, samples.astype("<i2").tobytes())
        self.voices.end(source)

    def cue(self, name: str, samples: np.ndarray, priority: Priority = Priority.CUE) -> None:
        self.voices.cue(name, samples.astype("<i2").tobytes(), CARD, priority, 100)

    def steps(self, count: int = 1) -> None:
        for _ in range(count):
            self.player.step(100)

    def until_it_rests(self) -> np.ndarray:
        self.steps()
        while not self.player.resting:
            self.sink.play()
            self.player.step(100)
        return self.sink.heard()


def steady(value: int, frames: int) -> np.ndarray:
    return np.full(frames, value, np.int16)


def audible(heard: np.ndarray) -> np.ndarray:
    at = np.flatnonzero(heard)
    return heard[at[0] : at[-1] + 1] if len(at) else heard[:0]


def test_nothing_is_written_before_the_first_sound() -> None:
    room = Room()
    room.steps(3)
    assert room.player.resting
    assert len(room.sink.written()) == 0
    room.play(1, steady(100, PERIOD))
    assert np.count_nonzero(room.until_it_rests()) == PERIOD


# Giving way


@pytest.mark.parametrize("priority", [Priority.ALARM, Priority.MEDIA])
def test_an_alarm_and_media_go_down_by_20_db_under_speech_and_come_back_without_a_click(priority: Priority) -> None:
    room = Room()
    room.play(1, steady(10_000, 96_000), priority)
    room.steps(10)
    room.play(2, steady(0, 24_000))
    heard = room.until_it_rests()[:96_000].astype(int)
    began, ended = 10 * PERIOD, 10 * PERIOD + 24_000
    assert np.all(heard[: began + 1] == 10_000)
    assert np.all(heard[began + FADE : ended] == 1_000)
    # That there is no more of it is known a period later.
    assert np.all(heard[ended + PERIOD + FADE :] == 10_000)
    assert np.abs(np.diff(heard)).max() <= 4


def test_an_alarm_that_begins_under_speech_is_down_from_its_first_sample() -> None:
    room = Room()
    room.play(1, steady(0, 24_000))
    room.steps(3)
    room.cue("timer", steady(10_000, 4_800), Priority.ALARM)
    assert audible(room.until_it_rests()).tolist() == [1_000] * 4_800


def test_speech_under_which_an_alarm_rings_is_as_loud_as_ever() -> None:
    room = Room()
    room.cue("timer", steady(0, 48_000), Priority.ALARM)
    room.steps(3)
    room.play(1, steady(5_000, 4_800))
    assert audible(room.until_it_rests()).tolist() == [5_000] * 4_800


def test_an_alarm_goes_down_while_a_person_speaks_and_a_cue_does_not() -> None:
    room = Room()
    room.voices.attentive = True
    room.cue("timer", steady(10_000, 4_800), Priority.ALARM)
    assert audible(room.until_it_rests()).tolist() == [1_000] * 4_800
    room.cue("awake", steady(20_000, 4_800))
    assert audible(room.until_it_rests())[4_800:].max() == 20_000
    room.voices.attentive = False
    room.cue("timer", steady(10_000, 4_800), Priority.ALARM)
    assert audible(room.until_it_rests())[-1] == 10_000


def test_a_sound_has_its_own_volume_which_may_change_while_it_plays() -> None:
    room = Room()
    room.play(1, steady(10_000, 24_000), percent=50)
    room.steps(5)
    room.voices.set_volume(1, 100)
    room.voices.set_volume(99, 0)
    heard = audible(room.until_it_rests()).astype(int)
    assert np.all(heard[: 5 * PERIOD] == 2_500)
    assert np.all(heard[5 * PERIOD + FADE :] == 10_000)
    assert np.diff(heard).max() <= 4


# Taking away


@pytest.mark.parametrize("frames", [48_000, 700], ids=["sounding", "all of it in the card"])
def test_a_sound_that_is_alone_is_gone_from_the_card_at_once_and_nobody_is_told(frames: int) -> None:
    room = Room()
    room.play(1, steady(100, frames), Priority.ALARM)
    room.steps(2)
    heard = len(room.sink.heard())
    room.voices.remove(1)
    room.until_it_rests()
    assert room.sink.drops == 1
    assert not room.sink.heard()[heard:].any()
    assert room.told == []


def test_a_sound_that_is_taken_away_does_not_cost_the_others_a_sample() -> None:
    room = Room()
    speech = np.arange(1, 24_001) % 900 + 1
    room.play(1, speech)
    room.cue("timer", steady(10_000, 48_000), Priority.ALARM)
    room.steps(10)
    written = len(room.sink.written())
    room.voices.remove("timer")
    heard = room.until_it_rests()
    np.testing.assert_array_equal(audible(heard) % 1_000, speech)
    assert heard[written:].max() < 1_000
    assert room.sink.drops == 0
    assert room.told == [1]


def test_of_two_that_are_taken_away_in_turn_neither_stays_in_the_card() -> None:
    room = Room()
    room.play(1, steady(100, 48_000))
    room.cue("timer", steady(1_000, 48_000), Priority.ALARM)
    room.steps(3)
    room.voices.remove("timer")
    room.steps()
    room.voices.remove(1)
    heard = len(room.sink.heard())
    room.until_it_rests()
    assert room.sink.drops == 1
    assert not room.sink.heard()[heard:].any()


def test_what_is_left_of_a_sound_that_was_taken_away_is_ignored() -> None:
    room = Room()
    room.voices.begin(1, CARD, Priority.SPEECH, 100)
    room.voices.feed(1, bytes(9_600))
    room.voices.remove(1)
    room.voices.remove(1)
    room.voices.remove("never heard of")
    room.voices.feed(1, bytes(9_600))
    assert room.voices.end(1) is None
    assert not room.voices.audible
    assert room.voices.held_bytes == 0


# Waking an amplifier


def test_an_amplifier_is_warmed_up_after_every_rest_and_not_between() -> None:
    room = Room(SpeakerConfig(idle_s=0.1, warm_up_s=0.5))
    sound = np.arange(1, 4_801)
    room.play(1, sound)
    room.play(2, sound)
    heard = room.until_it_rests()
    assert np.flatnonzero(heard)[0] == 24_000
    np.testing.assert_array_equal(heard[heard != 0], np.tile(sound, 2))
    assert len(audible(heard)) < 2 * len(sound) + 3 * PERIOD
    before = len(heard)
    room.play(3, sound)
    heard = room.until_it_rests()[before:]
    assert np.flatnonzero(heard)[0] == 24_000
    np.testing.assert_array_equal(audible(heard), sound)
    assert room.told == [1, 2, 3]


def test_a_sound_that_waits_for_a_warm_amplifier_is_about_to_be_heard_and_can_be_taken_away() -> None:
    room = Room(SpeakerConfig(idle_s=0, warm_up_s=1.0))
    room.cue("timer", steady(100, 10), Priority.ALARM)
    room.steps(3)
    assert room.voices.audible
    room.voices.remove("timer")
    assert not room.voices.audible
    assert not room.until_it_rests().any()


# Bounds


def test_a_number_in_use_is_refused_until_its_sound_is_over() -> None:
    room = Room()
    room.play(1, steady(100, 960))
    room.steps(2)
    with pytest.raises(ValueError, match="sound 1 is not over"):
        room.voices.begin(1, CARD, Priority.SPEECH, 100)
    room.until_it_rests()
    room.play(1, steady(100, 960))
    assert np.count_nonzero(room.until_it_rests()) == 1_920


def test_a_cue_that_still_sounds_does_not_sound_twice() -> None:
    room = Room()
    room.cue("timer", steady(100, 4_800), Priority.ALARM)
    room.steps(2)
    room.cue("timer", steady(100, 4_800), Priority.ALARM)
    assert audible(room.until_it_rests()).tolist() == [100] * 4_800


def test_of_too_many_sounds_the_last_fail_when_they_end_and_the_others_are_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = Room()
    for number in range(MOST):
        room.play(number, steady(number + 1, PERIOD))
    room.voices.begin(MOST, CARD, Priority.SPEECH, 100)
    room.cue("awake", steady(1_000, PERIOD))
    failed = room.voices.end(MOST)
    assert failed is not None
    assert failed.failed
    assert caplog.text.count("another one is not") == 2
    heard = room.until_it_rests()
    np.testing.assert_array_equal(heard[heard != 0], np.repeat(np.arange(MOST) + 1, PERIOD))


# Whatever comes and goes


ACTS = st.one_of(
    st.tuples(st.just("feed"), st.integers(1, 3_000)),
    st.tuples(st.just("cue"), st.integers(1, 3_000)),
    st.tuples(st.just("remove"), st.integers(0, 30)),
    st.tuples(st.just("step"), st.integers(1, 6)),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(ACTS, max_size=40))
def test_whatever_comes_and_goes_beside_it_every_sample_of_speech_is_heard_once_and_in_order(
    acts: list[tuple[str, int]],
) -> None:
    room = Room()
    room.voices.begin(1, CARD, Priority.SPEECH, 100)
    fed = cues = 0
    for act, number in acts:
        if act == "feed":
            room.voices.feed(1, speech(fed, number).tobytes())
            fed += number
        elif act == "cue":
            cues += 1
            room.cue(f"cue {cues}", steady(1_000, number))
        elif act == "remove":
            room.voices.remove(f"cue {number}")
        else:
            for _ in range(number):
                room.sink.play()
                room.steps()
    room.voices.end(1)
    heard = room.until_it_rests() % 1_000
    np.testing.assert_array_equal(heard[heard != 0], speech(0, fed))
    assert room.told.count(1) == (fed > 0)


def speech(start: int, count: int) -> np.ndarray:
    return (np.arange(start, start + count) % 997 + 1).astype("<i2")
