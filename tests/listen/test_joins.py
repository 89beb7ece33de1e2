"""Wake words and commands as they are really said, through the real models: nothing of a command may be missing."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from listen.joins import GAPS_S, Driver, Outcome, Word, join, listener, split, trimmed
from signals import noise
from speech import clip, read, recording, recordings

import satellite
from satellite.core.audio import RATE_HZ, Int16
from satellite.core.events import Event, SpeechAudio, SpeechEnded, SpeechStarted, WakeDetected

DEMO = Path(satellite.__file__).parent / "data" / "demo.wav"
MADE = ["kitchen_light", "what_time", "timer", "open_door", "stop"]
REAL = ["r3-set-timer", "r3-turn-on-the-lamp", "cmu-arctic-us-axb-a0005", "jfk"]


def commands(*, real: bool) -> list[Int16]:
    made = [clip(name) for name in MADE]
    if not real:
        return made
    said = {path.stem: path for path in recordings("speech")}
    return made + [trimmed(recording(said[name])[:48_000]) for name in REAL]


def report(outcomes: list[Outcome]) -> str:
    """The figures, for whoever wants to see them (pytest -s)."""
    heard = [outcome for outcome in outcomes if outcome.waited is not None]
    rest = [outcome.rest for outcome in heard]
    waited = [outcome.waited for outcome in heard]
    lost = [outcome.lost for outcome in heard if outcome.lost]
    return (
        f"{len(heard)} of {len(outcomes)} joins heard; {len(lost)} commands cut, by {max(lost, default=0):.0f} ms; "
        f"rest of the word {np.median(rest):.0f} ms (median), {np.percentile(rest, 95):.0f} ms (95 %); waited "
        f"{np.median(waited):.0f} ms (median), {max(waited):.0f} ms (most)"
    )


def check(outcomes: list[Outcome]) -> None:
    """What every set of joins must show."""
    print(report(outcomes))
    heard = [outcome for outcome in outcomes if outcome.waited is not None]
    assert not any(outcome.lost for outcome in heard)
    assert np.percentile([outcome.rest for outcome in heard], 95) <= 250
    assert np.median([outcome.waited for outcome in heard]) <= 100
    assert max(outcome.waited for outcome in heard) <= 266  # type: ignore[type-var]


def test_a_made_turn_is_heard_from_end_to_end() -> None:
    driver = Driver(listener("hey_jarvis"))
    word = Word(clip("hey_jarvis"), noise(0), 8)
    for number, (command, gap_s) in enumerate(product(commands(real=False), [0.2, 1.0])):
        outcome = driver.play(join(word, command, gap_s, seed=number))
        assert outcome.lost == 0
        assert outcome.rest is not None
        assert outcome.rest <= 360
        assert outcome.started is not None
        assert abs(outcome.started) <= 160
        assert outcome.ended is not None
        assert 520 <= outcome.ended <= (850 if len(command) > RATE_HZ else 1000)


@pytest.mark.parametrize("frame", [100, 480, 1280, 83_000])
def test_the_demonstrations_clip_gives_the_same_events_in_frames_of_any_size(frame: int) -> None:
    sound = read(DEMO)

    def told(size: int) -> list[Event]:
        return [
            event for event in Driver(listener("hey_jarvis"), size).hear(sound) if not isinstance(event, SpeechAudio)
        ]

    expected = told(256)
    assert [type(event) for event in expected] == [WakeDetected, SpeechStarted, SpeechEnded]
    assert told(frame) == expected


def test_real_commands_after_real_wake_words_arrive_whole() -> None:
    driver, said, outcomes = Driver(listener("alexa")), commands(real=True), []
    words = [split(recording(path)) for path in recordings("wake", "alexa")[::8]]
    for number, (word, gap_s) in enumerate(product(words, GAPS_S)):
        chosen = said[number % 9 :: 3] if gap_s == 0 else said[number % 9 :][:1]
        outcomes += [(gap_s, driver.play(join(word, command, gap_s, seed=number))) for command in chosen]
    check([outcome for _, outcome in outcomes])
    apart = [outcome for gap_s, outcome in outcomes if gap_s >= 0.1 and outcome.waited is not None]
    assert all(outcome.started is not None for outcome in apart)
    assert np.percentile([abs(outcome.started) for outcome in apart], 90) <= 200


def test_one_short_word_right_after_a_real_wake_word_is_a_command_and_the_wake_word_alone_is_none() -> None:
    driver, said, alone = Driver(listener("alexa")), [], []
    for number, path in enumerate(recordings("wake", "alexa")[::9]):
        word = split(recording(path))
        said.append(driver.play(join(word, trimmed(clip("stop")), 0.0, seed=number)))
        quiet = np.concatenate([noise(2, -70, seed=number), word.sound, noise(6, -70, seed=number)])
        alone += [event for event in driver.hear(quiet) if isinstance(event, SpeechStarted)]
    heard = [outcome for outcome in said if outcome.waited is not None]
    assert len(heard) >= 9
    assert all(outcome.ended is not None and outcome.ended <= 1_000 for outcome in heard)
    assert not alone


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("gap_s", GAPS_S)
def test_every_real_wake_word_and_command_arrives_whole(gap_s: float) -> None:
    driver = Driver(listener("alexa"))
    words = [split(recording(path)) for path in recordings("wake", "alexa")]
    joins = product(words, commands(real=True))
    check([driver.play(join(word, command, gap_s, seed)) for seed, (word, command) in enumerate(joins)])
