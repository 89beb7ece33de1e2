from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from listen.scripted import ALEXA, LoudIsSpeech, ScriptedWords
from speech import clip, recording, recordings

from satellite.config import CommandConfig, ListeningConfig
from satellite.core.audio import RATE_HZ, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import Event, WakeDetected
from satellite.detect.vad import WINDOW_SAMPLES
from satellite.detect.wakeword import Confirmation
from satellite.listen.gate import Gate
from satellite.listen.listener import Listener
from satellite.listen.preroll import RingBuffer
from satellite.listen.second_look import SecondLook, syllables
from satellite.listen.speech import SpeechTrack
from satellite.listen.trigger import Trigger, Wake

HOP = 1280


def beeps(count: int, lsb: float = 3_000, room_lsb: float = 10) -> Int16:
    """So many sounds of 0.1 s at 500 Hz, 0.1 s apart, in a room; 1.2 s in all."""
    at = np.arange(round(1.2 * RATE_HZ))
    on = (at % 3_200 >= 1_600) & (at < count * 3_200)
    room = np.random.default_rng(3).normal(0, room_lsb, len(at))
    return np.rint(room + lsb * on * np.sin(2 * np.pi * 500 / RATE_HZ * at)).astype(np.int16)


def look(sound: Int16) -> SecondLook:
    """At the end of 2.56 s of a quiet room and this sound."""
    before = np.random.default_rng(4).normal(0, 10, 80 * WINDOW_SAMPLES).astype(np.int16)
    whole = np.concatenate((before, sound, before))[: (80 * WINDOW_SAMPLES + len(sound)) // HOP * HOP]
    ring, gate = RingBuffer(76_800), Gate()
    ring.append(whole)
    for begin in range(0, len(whole) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        gate.process(whole[begin : begin + WINDOW_SAMPLES], begin, False)
    return SecondLook(ring, SpeechTrack(LoudIsSpeech(), ring, gate), 0)  # type: ignore[arg-type]


def confirmed(sound: Int16, **asked: float) -> bool:
    model = replace(ALEXA, confirmation=Confirmation(**asked))  # type: ignore[arg-type]
    at = (80 * WINDOW_SAMPLES + len(sound)) // HOP * HOP
    return look(sound).confirms(Wake(model, 0.9, at, at))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("lsb", [300, 10_000])
def test_every_sound_between_two_dips_is_a_syllable_at_any_level(count: int, lsb: float) -> None:
    assert syllables(beeps(count, lsb)) == count


def test_nothing_has_no_syllables_worth_failing_for() -> None:
    assert syllables(np.zeros(0, np.int16)) == 0
    assert syllables(np.zeros(19_200, np.int16)) <= 1


def test_hey_jarvis_has_three_syllables_and_jarvis_alone_has_two() -> None:
    sound = clip("hey_jarvis")
    assert syllables(sound) == 3
    alone = [path for path in recordings("negative") if path.parent.name == "jarvis"]
    said = [syllables(recording(path)) for path in alone[::4]]
    assert np.mean(np.array(said) <= 2) >= 0.8


def test_syllables_are_counted_only_where_they_are_asked_for() -> None:
    assert confirmed(beeps(2))
    assert confirmed(beeps(2), syllables=2)
    assert not confirmed(beeps(2), syllables=3)
    assert confirmed(beeps(3), syllables=3)


def test_speech_is_looked_for_in_the_second_before() -> None:
    speech, quiet = beeps(6, lsb=3_000), beeps(6, lsb=100)
    assert confirmed(speech, speech=0.5)
    assert not confirmed(quiet, speech=0.5)
    assert confirmed(quiet)


def test_a_wake_that_is_not_confirmed_is_asked_about_again_at_the_next_hop() -> None:
    answers = [False, False, True, True]
    trigger = Trigger([ALEXA], lambda _: answers.pop(0))
    wakes = [trigger.hear(hop * HOP, {"alexa": 0.9}, {}, armed=True) for hop in range(1, 10)]
    assert [wake is not None for wake in wakes] == [False, False, True] + [False] * 6
    assert answers == [True]


@pytest.mark.parametrize(
    ("agreeing", "of", "wakes_at"), [(1, 1, 2), (2, 2, 5), (2, 3, 4), (3, 3, 6), (3, 4, 5), (4, 4, 7), (5, 5, None)]
)
def test_so_many_of_the_last_hops_must_agree(agreeing: int, of: int, wakes_at: int | None) -> None:
    trigger = Trigger([replace(ALEXA, confirmation=Confirmation(agreeing, of))])
    scores = [0.0, 0.9, 0.0, 0.9, 0.9, 0.9, 0.9]
    heard = [trigger.hear(hop * HOP, {"alexa": score}, {}, armed=True) for hop, score in enumerate(scores, 1)]
    found = [hop for hop, wake in enumerate(heard, 1) if wake]
    assert found[:1] == ([wakes_at] if wakes_at else [])


@pytest.mark.parametrize("frame", [100, 256, 5_000])
@pytest.mark.parametrize(("asked", "wakes"), [(Confirmation(speech=0.5), 1), (Confirmation(syllables=9), 0)])
def test_the_listener_wakes_when_it_is_confirmed_and_counts_a_near_miss_when_not(
    asked: Confirmation, wakes: int, frame: int
) -> None:
    before = np.random.default_rng(5).normal(0, 10, 2 * RATE_HZ).astype(np.int16)
    sound = np.concatenate((before, beeps(3), before))
    at = (len(before) + 14 * HOP) // HOP * HOP
    words = ScriptedWords({at: {"alexa": 0.9}}, (replace(ALEXA, confirmation=asked),))
    ears = Listener(
        CommandConfig(),
        words,  # type: ignore[arg-type]
        LoudIsSpeech(),  # type: ignore[arg-type]
        listening=ListeningConfig(gate=False),
    )
    events: list[Event] = []
    for begin in range(0, len(sound), frame):
        events += ears.feed(Frame(sound[begin : begin + frame], begin), ListenSettings(), playing=False)
    assert [event.at for event in events if isinstance(event, WakeDetected)] == [at] * wakes
    assert ears.statistics().near_misses == 1 - wakes
