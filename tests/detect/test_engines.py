from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise
from speech import clip, model

from satellite import models
from satellite.core.audio import Int16
from satellite.detect.engines import Together, WakeEngine, open_engine
from satellite.detect.microwakeword import MicroModel, MicroWakeWords, missing
from satellite.detect.wakeword import HOP_SAMPLES, Scores, WakeModel, WakeWords, WakeWordStatistics

ALEXA = WakeModel("alexa", Path("alexa.onnx"), "Alexa")
NABU = WakeModel("okay_nabu", Path("okay_nabu.tflite"), "Okay Nabu")

installed = pytest.mark.skipif(bool(missing()), reason=missing())


class Constant:
    """An engine that gives one score, from a hop on."""

    def __init__(self, word: WakeModel, score: float, warm_hops: int) -> None:
        self.models = (word,)
        self._score, self._warm_hops, self._heard = score, warm_hops, 0

    def process(self, samples: Int16) -> list[Scores]:
        before, self._heard = self._heard, self._heard + len(samples)
        hops = range(before // HOP_SAMPLES + 1, self._heard // HOP_SAMPLES + 1)
        name = self.models[0].name
        return [Scores(hop * HOP_SAMPLES, {name: self._score}) for hop in hops if hop >= self._warm_hops]

    def statistics(self) -> WakeWordStatistics:
        hops = self._heard // HOP_SAMPLES
        return WakeWordStatistics(hops, hops >= self._warm_hops, self.models[0].name)


@given(st.lists(st.integers(0, 5 * HOP_SAMPLES), max_size=20))
def test_every_hop_has_the_scores_of_all_words_and_a_cold_one_scores_0(cuts: list[int]) -> None:
    together = Together([Constant(ALEXA, 0.9, 2), Constant(NABU, 0.4, 4)])
    sound = np.zeros(5 * HOP_SAMPLES, np.int16)
    scores = [score for part in np.split(sound, sorted(cuts)) for score in together.process(part)]
    assert [(at // HOP_SAMPLES, by_name) for at, by_name in scores] == [
        (2, {"alexa": 0.9, "okay_nabu": 0.0}),
        (3, {"alexa": 0.9, "okay_nabu": 0.0}),
        (4, {"alexa": 0.9, "okay_nabu": 0.4}),
        (5, {"alexa": 0.9, "okay_nabu": 0.4}),
    ]


def test_it_is_warm_when_all_are() -> None:
    together = Together([Constant(ALEXA, 0.9, 2), Constant(NABU, 0.4, 4)])
    assert [model.name for model in together.models] == ["alexa", "okay_nabu"]
    together.process(np.zeros(3 * HOP_SAMPLES, np.int16))
    assert together.statistics() == WakeWordStatistics(3, warm=False, engine="alexa and okay_nabu")
    together.process(np.zeros(HOP_SAMPLES, np.int16))
    assert together.statistics() == WakeWordStatistics(4, warm=True, engine="alexa and okay_nabu")


def real(words: Sequence[WakeModel]) -> WakeEngine:
    return WakeWords(words, model("melspectrogram"), model("embedding"))


def alexa() -> WakeModel:
    return WakeModel("alexa", model("alexa"), "Alexa")


def nabu() -> MicroModel:
    info = models.named("okay_nabu")
    return MicroModel("okay_nabu", model("okay_nabu"), info.phrase, info.threshold, window=info.window)


def test_an_engine_that_no_word_needs_is_not_opened() -> None:
    assert isinstance(open_engine([alexa()], real), WakeWords)


@installed
def test_the_other_engine_alone_opens_no_graph_of_the_first() -> None:
    def refuse(words: Sequence[WakeModel]) -> WakeEngine:
        raise AssertionError(words)

    assert isinstance(open_engine([nabu()], refuse), MicroWakeWords)


@installed
@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 80_000), max_size=30))
def test_words_of_both_kinds_score_together_as_they_do_alone_however_the_sound_is_cut(cuts: list[int]) -> None:
    sound = np.concatenate([noise(1.5, -65), clip("alexa"), noise(1, -65), clip("okay_nabu"), noise(1, -65)])
    both = open_engine([nabu(), alexa()], real)
    scores = [score for part in np.split(sound, sorted(cuts)) for score in both.process(part)]
    for word, alone in (("alexa", real([alexa()])), ("okay_nabu", MicroWakeWords([nabu()]))):
        expected = [(at, by_name[word]) for at, by_name in alone.process(sound)]
        assert [(at, by_name[word]) for at, by_name in scores] == expected
        assert max(score for _, score in expected) > 0.85
