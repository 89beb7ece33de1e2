"""A wake word that the satellite has just said itself is not obeyed; anybody else's is."""

from __future__ import annotations

import numpy as np
import pytest
from speech import clip, model

from satellite.config import CommandConfig
from satellite.core.audio import RATE_HZ, Frame, Int16
from satellite.core.effects import ListenSettings
from satellite.core.events import WakeDetected
from satellite.detect.wakeword import WakeModel, WakeWords
from satellite.listen.listener import Listener
from satellite.listen.own_voice import OwnVoice


@pytest.fixture
def words() -> WakeWords:
    """An engine that has heard something else."""
    jarvis = WakeModel("hey_jarvis", model("hey_jarvis"), "hey jarvis")
    engine = WakeWords([jarvis], model("melspectrogram"), model("embedding"))
    engine.process(clip("kitchen_light"))
    return engine


def hears(words: WakeWords, played: Int16) -> tuple[int, int]:
    """Wakes, and wakes of its own, when somebody says the wake word just after `played` was."""
    room = np.random.default_rng(1).normal(0, 10, 2 * RATE_HZ).astype(np.int16)
    said = np.concatenate((room, clip("hey_jarvis"), room[:RATE_HZ]))
    listener = Listener(
        CommandConfig(),
        words.fresh(),
        None,
        own_voice=OwnVoice(words.fresh, lambda count: np.concatenate((np.zeros(count, np.int16), played))[-count:]),
    )
    events = listener.feed(Frame(said, 0), ListenSettings(), playing=True)
    return sum(isinstance(event, WakeDetected) for event in events), listener.statistics().own_wakes


@pytest.mark.parametrize("gain", [1.0, 0.02])
@pytest.mark.parametrize("late_s", [0.1, 0.6])
def test_a_word_that_was_just_played_is_its_own_however_softly_it_was(
    words: WakeWords, gain: float, late_s: float
) -> None:
    played = np.rint(clip("hey_jarvis") * gain).astype(np.int16)
    assert hears(words, np.concatenate((played, np.zeros(round(late_s * RATE_HZ), np.int16)))) == (0, 1)


def test_a_person_who_says_it_two_seconds_after_the_satellite_did_is_heard(words: WakeWords) -> None:
    assert hears(words, np.concatenate((clip("hey_jarvis"), np.zeros(2 * RATE_HZ, np.int16)))) == (1, 0)


def test_a_person_who_says_it_right_after_an_echo_that_was_refused_is_heard(words: WakeWords) -> None:
    """The played word ends 0.2 s before its echo, and the person speaks 1.2 s later: within the word's own pause."""
    quiet, word = np.random.default_rng(1).normal(0, 10, 2 * RATE_HZ).astype(np.int16), clip("hey_jarvis")
    heard = np.concatenate((quiet, word, quiet[: RATE_HZ * 6 // 5], word, quiet[:RATE_HZ]))
    played = np.concatenate((np.zeros(len(quiet) - RATE_HZ // 5, np.int16), word, np.zeros(4 * RATE_HZ, np.int16)))
    now = [0]
    listener = Listener(
        CommandConfig(),
        words.fresh(),
        None,
        own_voice=OwnVoice(
            words.fresh, lambda count: np.concatenate((np.zeros(count, np.int16), played[: now[0]]))[-count:]
        ),
    )
    events = []
    for begin in range(0, len(heard) - 256, 256):
        now[0] = begin + 256
        events += listener.feed(Frame(heard[begin : begin + 256], begin), ListenSettings(), playing=True)
    assert listener.statistics().own_wakes == 1
    assert sum(isinstance(event, WakeDetected) for event in events) == 1


def test_over_other_words_and_over_silence_a_person_is_heard(words: WakeWords) -> None:
    assert hears(words, np.concatenate((clip("kitchen_light"), clip("timer")))) == (1, 0)
    assert hears(words, np.zeros(10, np.int16)) == (1, 0)


def test_a_fresh_engine_hears_as_one_that_was_just_opened(words: WakeWords) -> None:
    opened = WakeWords(words.models, model("melspectrogram"), model("embedding"))
    sound = np.resize(clip("hey_jarvis"), 4 * RATE_HZ)
    before = words.statistics()
    assert words.fresh().process(sound) == opened.process(sound)
    assert words.statistics() == before
