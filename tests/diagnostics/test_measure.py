"""Frames in, figures out."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from diagnostics.made import hum, mixed, room, spoken
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import silence, tone

from satellite.core.audio import AudioFormat, Int16
from satellite.detect.wakeword import Scores, WakeModel
from satellite.diagnostics.measure import Ears, Figures, Measure, Traces, WakeFigures, utterances

MONO, STEREO = AudioFormat(16_000, 1, 2), AudioFormat(16_000, 2, 2)
WORD = WakeModel("word", Path("word.onnx"), "Word")


def measured(*channels: Int16, ears: Ears | None = None, channel: int = -1) -> Figures:
    measure = Measure(AudioFormat(16_000, len(channels), 2), channel, ears or Ears())
    measure.feed(np.stack(channels, axis=1).tobytes())
    measure.finish()
    return measure.figures()


def loudness(window: Int16) -> float:
    """A speech detector that takes everything loud for speech."""
    return float(np.std(window.astype(float)) > 500)


class Hops:
    """A wake-word engine whose score is the loudness of each hop."""

    def __init__(self) -> None:
        self._pending = np.zeros(0, np.int16)
        self._at = 0

    def process(self, samples: Int16) -> list[Scores]:
        self._pending = np.concatenate((self._pending, samples))
        found = []
        while len(self._pending) >= 1280:
            hop, self._pending = self._pending[:1280], self._pending[1280:]
            self._at += 1280
            found.append(Scores(self._at, {"word": float(np.abs(hop).max()) / 32768}))
        return found


def ears() -> Ears:
    return Ears(loudness, 0.5, Hops().process, (WORD,))


# --- property ---------------------------------------------------------------------------------------------------------

SOUND = np.stack([spoken()[:40_000], mixed(spoken(-10)[:40_000], hum(2.5, -50))], axis=1)


@cache
def whole() -> tuple[Figures, Traces]:
    measure = Measure(STEREO, -1, ears())
    measure.feed(SOUND.tobytes())
    measure.finish()
    return measure.figures(), measure.traces()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, len(SOUND)), max_size=30))
def test_figures_and_traces_do_not_depend_on_the_cutting(cuts: list[int]) -> None:
    measure = Measure(STEREO, -1, ears())
    for piece in np.split(SOUND, sorted(cuts)):
        measure.feed(piece.tobytes())
    measure.finish()
    figures, traces = whole()
    assert measure.figures() == figures
    for name in ("lowest", "highest", "levels_dbfs", "speech", "score_at_s", "spectrogram_db"):
        assert np.array_equal(getattr(measure.traces(), name), getattr(traces, name)), name
    assert np.array_equal(measure.traces().scores["word"], traces.scores["word"])


def test_the_rate_of_the_card_does_not_matter() -> None:
    measure = Measure(AudioFormat(48_000, 1, 2))
    measure.feed(tone(1000, 2.0, -20, rate_hz=48_000).tobytes())
    measure.finish()
    figures = measure.figures()
    assert figures.duration_s == pytest.approx(2.0)
    assert figures.level_dbfs == pytest.approx(-20, abs=0.1)
    assert len(measure.traces().levels_dbfs) == 62


# --- figures ----------------------------------------------------------------------------------------------------------


def test_speech_noise_and_their_ratio() -> None:
    figures = measured(spoken(noise_dbfs=-60), ears=ears())
    assert figures.noise_dbfs == pytest.approx(-60, abs=0.5)
    assert figures.speech_dbfs is not None
    assert -27 < figures.speech_dbfs < -22
    assert figures.snr_db == pytest.approx(figures.speech_dbfs + 60, abs=0.6)
    assert 1.0 < figures.speech_s < 2.2


def test_a_constant_is_in_no_level() -> None:
    plain, shifted = spoken(), mixed(spoken(), silence(len(spoken()) / 16_000) + 3000)
    one, other = measured(plain, ears=ears()), measured(shifted, ears=ears())
    assert other.noise_dbfs == pytest.approx(one.noise_dbfs, abs=0.1)
    assert other.channels[0].dc_percent == pytest.approx(100 * 3000 / 32768, abs=0.05)


def test_the_silence_that_was_asked_for_is_the_noise() -> None:
    loud_then_quiet = np.concatenate([room(3.0, -40), room(3.0, -65)])
    measure = Measure(MONO)
    measure.feed(loud_then_quiet.tobytes())
    assert measure.figures(quiet=(3.0, 6.0)).noise_dbfs == pytest.approx(-65, abs=0.3)
    assert measure.figures(quiet=(0.0, 3.0)).noise_dbfs == pytest.approx(-40, abs=0.3)


def test_without_a_speech_detector_speech_is_what_stands_out() -> None:
    figures = measured(spoken(noise_dbfs=-60))
    assert figures.speech_dbfs is not None
    assert -28 < figures.speech_dbfs < -22
    assert measured(room(3.0)).speech_dbfs is None


def test_what_was_never_there_is_not_measured() -> None:
    for nothing in (silence(3.0), silence(0.0)):
        figures = measured(nothing, ears=ears())
        assert (figures.speech_dbfs, figures.snr_db, figures.speech_s) == (None, None, 0)
        assert figures.level_dbfs == -100
        assert figures.wake_words[0].heard == 0


def test_the_satellite_hears_the_mean_or_the_channel_it_was_told_to() -> None:
    left, right = tone(1000, 1.0, -20), silence(1.0)
    assert measured(left, right).level_dbfs == pytest.approx(-26, abs=0.1)
    assert measured(left, right, channel=0).level_dbfs == pytest.approx(-20, abs=0.1)
    assert measured(left, -left).level_dbfs < -90


def test_twins_and_inverses_are_named_by_their_numbers() -> None:
    one, two = spoken(), spoken(-6)
    figures = measured(one, room(len(one) / 16_000), two, -one)
    assert figures.twins == ((0, 2),)
    assert figures.inverses == ((0, 3), (2, 3))


def test_two_microphones_beside_each_other_are_no_twins() -> None:
    late = np.concatenate([np.zeros(1, np.int16), spoken()[:-1]])
    assert measured(spoken(), mixed(late, room(len(late) / 16_000, -60, seed=5))).twins == ()


def test_a_wake_word_is_counted_once_for_each_time_it_is_said() -> None:
    said = np.concatenate([tone(500, 0.3, -6), silence(0.3), tone(500, 0.3, -4), silence(1.5), tone(500, 0.3, -5)])
    (word,) = measured(said, ears=ears()).wake_words
    assert word.heard == 2
    assert word.best_score == pytest.approx(math.sqrt(2) * 10 ** (-4 / 20), abs=0.01)
    assert word.best_at_s is not None
    assert 0.6 < word.best_at_s < 1.0


def test_a_sound_too_short_for_scores_has_none() -> None:
    (word,) = measured(tone(500, 0.05), ears=ears()).wake_words
    assert word == WakeFigures("word", "Word", 0.5, 0.0, None, 0)


def windows(pattern: str) -> np.ndarray:
    """Windows of 32 ms: x is speech."""
    return np.array([letter == "x" for letter in pattern], bool)


@pytest.mark.parametrize(
    ("pattern", "spans"),
    [
        ("", []),
        (".....", []),
        ("..xxxx..", [(2, 6)]),
        ("xxxx", [(0, 4)]),
        (".xxx..xxx.", [(1, 9)]),  # a pause of 64 ms is part of it
        ("xxxx...xxxx", [(0, 4), (7, 11)]),
        ("..xx.....xxxxx", [(9, 14)]),  # 64 ms are a click
        ("xx.xx", [(0, 5)]),  # two that are near each other are no click
    ],
)
def test_an_utterance_has_pauses_and_a_click_is_none(pattern: str, spans: list[tuple[int, int]]) -> None:
    found = utterances(windows(pattern), shortest_s=0.096, pause_s=0.08)
    assert [(begin, end) for begin, end in found] == [
        (pytest.approx(begin * 0.032), pytest.approx(end * 0.032)) for begin, end in spans
    ]
