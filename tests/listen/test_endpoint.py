from __future__ import annotations

from collections.abc import Iterable

import pytest

from satellite.config import CommandConfig
from satellite.core.audio import RATE_HZ, samples_in
from satellite.core.events import EndReason, SpeechEnded, SpeechStarted
from satellite.listen.endpoint import VoiceEndpointer

WINDOW = 512
BEGIN = 12_800


def hear(
    windows: Iterable[float], tail_ms: float | None = None, **config: float
) -> tuple[SpeechStarted | None, SpeechEnded | None]:
    """The two events of a command whose windows, from BEGIN on, have these probabilities."""
    endpointer = VoiceEndpointer(CommandConfig(**config), 7, BEGIN)
    if tail_ms is not None:
        endpointer.expect_tail(BEGIN + samples_in(tail_ms))
    events = [endpointer.process(BEGIN + (n + 1) * WINDOW, p) for n, p in enumerate(windows)]
    started = [event for event in events if isinstance(event, SpeechStarted)]
    ended = [event for event in events if isinstance(event, SpeechEnded)]
    assert len(started) <= 1
    assert len(ended) <= 1
    return (started or [None])[0], (ended or [None])[0]


def windows(seconds: float) -> int:
    return round(seconds * RATE_HZ / WINDOW)


def silence_after(spoken_s: float, **config: float) -> int:
    """Samples from the last window of so much speech to where the command is over."""
    spoken = windows(spoken_s)
    _, ended = hear([0.0] * 10 + [0.9] * spoken + [0.0] * 80, **config)
    assert ended is not None
    assert ended.reason is EndReason.SILENCE
    return ended.at - BEGIN - (10 + spoken) * WINDOW


def test_speech_begins_with_its_first_window_and_ends_570_ms_after_its_last() -> None:
    started, _ = hear([0.0] * 10 + [0.9] * 30 + [0.0] * 40)
    assert started == SpeechStarted(7, BEGIN + 10 * WINDOW)
    assert samples_in(570) <= silence_after(0.96) < samples_in(570) + WINDOW
    assert silence_after(20) == silence_after(0.96)


def test_after_little_speech_the_silence_must_be_half_as_long_again() -> None:
    for spoken_s in (0.15, 0.25, 0.4):
        assert samples_in(855) <= silence_after(spoken_s) < samples_in(855) + WINDOW
    assert samples_in(600) <= silence_after(0.25, end_silence_ms=400) < samples_in(600) + WINDOW
    needed = [silence_after(tenths / 10) for tenths in range(2, 12)]
    assert needed == sorted(needed, reverse=True)


def test_what_is_taken_for_speech_in_the_silence_for_a_moment_does_not_begin_it_anew() -> None:
    _, quiet = hear([0.9] * 40 + [0.0] * 40)
    _, noisy = hear([0.9] * 40 + [0.0] * 10 + [0.9] + [0.0] * 40)
    assert quiet is not None
    assert noisy is not None
    assert noisy.at - quiet.at == 3 * WINDOW


def test_the_less_certain_a_silence_is_the_longer_it_takes() -> None:
    def end(probability: float) -> int:
        _, ended = hear([0.9] * 40 + [probability] * 60)
        assert ended is not None
        return (ended.at - BEGIN) // WINDOW - 40

    assert [end(probability) for probability in (0.0, 0.1, 0.2, 0.3)] == [18, 20, 23, 26]


@pytest.mark.parametrize(("count", "begins"), [(3, False), (4, True)])
def test_120_ms_of_speech_are_a_command_and_less_is_not(count: int, begins: bool) -> None:
    started, _ = hear([0.0] * 5 + [0.9] * count + [0.0] * 30)
    assert (started is not None) is begins


def test_clicks_do_not_add_up_to_speech() -> None:
    started, ended = hear(([0.9] * 3 + [0.0]) * 39)
    assert started is None
    assert ended is None


def test_a_window_that_is_nearly_speech_neither_counts_nor_interrupts() -> None:
    started, _ = hear([0.0, 0.9, 0.9, 0.4, 0.9, 0.9])
    assert started == SpeechStarted(7, BEGIN + WINDOW)


def test_pauses_shorter_than_570_ms_do_not_end_it() -> None:
    _, ended = hear(([0.9] * 25 + [0.0] * 17) * 5)
    assert ended is None


def test_little_speech_between_long_pauses_does_not_end_it_either() -> None:
    _, ended = hear(([0.9] * 9 + [0.0] * 17) * 5)
    assert ended is None


def test_after_it_began_hardly_likely_speech_goes_on() -> None:
    _, ended = hear([0.9] * 5 + [0.4] * 60)
    assert ended is None


def test_nobody_speaks_for_5_s() -> None:
    started, ended = hear([0.0] * windows(6))
    assert started is None
    assert ended is not None
    assert ended.reason is EndReason.NO_SPEECH
    assert 0 <= ended.at - BEGIN - 5 * RATE_HZ < WINDOW


def test_after_an_answer_that_asks_it_waits_as_long_as_that_is_configured() -> None:
    config = CommandConfig(no_speech_s=5, follow_up_s=2)
    for follows_up, wait_s in ((True, 2), (False, 5)):
        endpointer = VoiceEndpointer(config, 7, BEGIN, follows_up=follows_up)
        events = [endpointer.process(BEGIN + n * WINDOW, 0.0) for n in range(1, windows(6))]
        (ended,) = [event for event in events if event]
        assert isinstance(ended, SpeechEnded)
        assert ended.reason is EndReason.NO_SPEECH
        assert ended.at - BEGIN == pytest.approx(wait_s * RATE_HZ, abs=WINDOW)


def test_whoever_begins_in_the_last_moment_is_heard_out() -> None:
    quiet = windows(5) - 2
    started, ended = hear([0.0] * quiet + [0.9] * 20 + [0.0] * 30)
    assert started is not None
    assert ended is not None
    assert ended.reason is EndReason.SILENCE


def test_30_s_are_enough() -> None:
    _, ended = hear([0.9] * windows(31))
    assert ended is not None
    assert ended.reason is EndReason.TOO_LONG
    assert 0 <= ended.at - BEGIN - 30 * RATE_HZ < WINDOW


def test_every_limit_is_the_configurations() -> None:
    started, ended = hear(
        [0.7] * 8 + [0.0] * 15, min_speech_ms=250, end_silence_ms=300, vad_threshold=0.65, max_s=2, no_speech_s=1
    )
    assert started is not None
    assert ended == SpeechEnded(7, BEGIN + 23 * WINDOW, EndReason.SILENCE)
    assert hear([0.7] * 8, vad_threshold=0.8) == (None, None)


# --- the end of the wake word -----------------------------------------------------------------------------------------


def test_the_end_of_the_wake_word_is_not_the_command() -> None:
    started, _ = hear([0.9] * 12 + [0.0] * 60, tail_ms=450)
    assert started is None


def test_a_command_after_a_pause_is_speech_from_its_own_first_window() -> None:
    started, ended = hear([0.9] * 12 + [0.0] * 2 + [0.9] * 20 + [0.0] * 30, tail_ms=450)
    assert started == SpeechStarted(7, BEGIN + 14 * WINDOW)
    assert ended is not None


def test_a_command_without_a_pause_has_begun_when_no_wake_word_could_last_so_long() -> None:
    started, ended = hear([0.9] * 40 + [0.0] * 30, tail_ms=450)
    assert started == SpeechStarted(7, BEGIN)
    assert ended is not None
    assert ended.reason is EndReason.SILENCE


def test_the_shortest_pause_separates_word_and_command() -> None:
    started, _ = hear([0.9] * 4 + [0.2] + [0.9] * 10, tail_ms=450)
    assert started == SpeechStarted(7, BEGIN + 5 * WINDOW)


@pytest.mark.parametrize("said", [False, True])
def test_a_short_command_within_the_tail_has_begun_when_somebody_heard_it_there(said: bool) -> None:
    endpointer, asked, events = VoiceEndpointer(CommandConfig(), 7, BEGIN), [], []
    endpointer.expect_tail(BEGIN + samples_in(450), lambda end: bool(asked.append(end)) or said)
    for number, probability in enumerate([0.9] * 10 + [0.1] * 40, 1):
        events.append(endpointer.process(BEGIN + number * WINDOW, probability))
    assert asked == [BEGIN + 11 * WINDOW]
    assert (SpeechStarted(7, BEGIN) in events) is said
    assert any(isinstance(event, SpeechEnded) for event in events) is said


def test_nobody_is_asked_about_a_tail_without_speech() -> None:
    endpointer = VoiceEndpointer(CommandConfig(), 7, BEGIN)
    endpointer.expect_tail(BEGIN + samples_in(450), lambda _end: True)
    assert [endpointer.process(BEGIN + number * WINDOW, 0.1) for number in range(1, 40)] == [None] * 39


def test_nothing_is_said_after_the_end() -> None:
    endpointer = VoiceEndpointer(CommandConfig(), 1, 0)
    assert endpointer.finish(640, EndReason.FLUSHED) == SpeechEnded(1, 640, EndReason.FLUSHED)
    assert endpointer.ended
    assert [endpointer.process(n * WINDOW, 0.9) for n in range(1, 50)] == [None] * 49
