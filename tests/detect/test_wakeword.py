from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from detect.graphs import write_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise, silence
from speech import clip, model, recording, recordings

from satellite.core.audio import Int16
from satellite.core.errors import ModelDamaged, ModelNotFound
from satellite.detect.wakeword import HOP_SAMPLES, WARM_HOPS, Scores, WakeModel, WakeWords

NAMES = ["alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy"]


def word(name: str) -> WakeModel:
    return WakeModel(name, model(name), name.replace("_", " "))


def wake_words(*models: WakeModel) -> WakeWords:
    return WakeWords(models, model("melspectrogram"), model("embedding"))


def by_hop(scores: Iterable[Scores], name: str) -> np.ndarray:
    return np.array([score.by_name[name] for score in scores])


def said(*names: str) -> Int16:
    parts = [noise(2.0, -65)]
    for name in names:
        parts += [clip(name), noise(1.5, -65, seed=len(parts))]
    return np.concatenate(parts)


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hey_jarvis", "alexa"])
def test_a_made_wake_word_is_heard_where_it_is_said(name: str) -> None:
    scores = wake_words(word(name)).process(said(name))
    best = max(scores, key=lambda score: score.by_name[name])
    assert best.by_name[name] > 0.9
    end = 32_000 + len(clip(name))
    assert end - 8_000 < best.at < end + 16_000


def test_several_words_are_listened_for_at_once_and_told_apart() -> None:
    scores = wake_words(*map(word, NAMES)).process(said("hey_jarvis", "alexa"))
    second = 32_000 + len(clip("hey_jarvis")) + 16_000
    first_half = [score for score in scores if score.at < second]
    second_half = [score for score in scores if score.at >= second]
    assert by_hop(first_half, "hey_jarvis").max() > 0.9
    assert by_hop(first_half, "alexa").max() < 0.1
    assert by_hop(second_half, "alexa").max() > 0.9
    assert by_hop(second_half, "hey_jarvis").max() < 0.1
    assert by_hop(scores, "hey_mycroft").max() < 0.1


def test_a_word_scores_the_same_alone_and_in_company() -> None:
    sound = said("hey_jarvis")
    alone = by_hop(wake_words(word("hey_jarvis")).process(sound), "hey_jarvis")
    assert by_hop(wake_words(*map(word, NAMES)).process(sound), "hey_jarvis").tolist() == alone.tolist()


def test_no_words_are_no_scores() -> None:
    assert all(score.by_name == {} for score in wake_words().process(silence(2)))


# --- hops -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sound", [silence(3), noise(3, -60), noise(3, -20), said("alexa")], ids=["silence", "quiet", "loud", "word"]
)
def test_it_is_silent_until_warm_and_then_not_fooled_by_how_it_began(sound: Int16) -> None:
    words = wake_words(*map(word, NAMES))
    cold = words.process(sound[: WARM_HOPS * HOP_SAMPLES - 1])
    assert cold == []
    assert not words.statistics().warm
    first, *_ = words.process(sound[WARM_HOPS * HOP_SAMPLES - 1 : (WARM_HOPS + 4) * HOP_SAMPLES])
    assert first.at == WARM_HOPS * HOP_SAMPLES
    assert max(first.by_name.values()) < 0.1
    assert words.statistics().warm


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 52_000), max_size=40))
def test_any_cutting_gives_the_same_scores(cuts: list[int]) -> None:
    sound = said("alexa")[:52_000]
    words = wake_words(word("alexa"))
    pieces = [score for part in np.split(sound, sorted(cuts)) for score in words.process(part)]
    assert pieces == wake_words(word("alexa")).process(sound)


def test_one_sample_at_a_time_gives_the_same_scores() -> None:
    sound = said("alexa")[: 18 * HOP_SAMPLES + 7]
    words = wake_words(word("alexa"))
    pieces = [score for sample in sound for score in words.process(np.array([sample]))]
    assert pieces == wake_words(word("alexa")).process(sound)
    assert [score.at for score in pieces] == [hop * HOP_SAMPLES for hop in (16, 17, 18)]


# --- models of one's own ----------------------------------------------------------------------------------------------


def test_a_longer_model_of_ones_own_runs_and_is_warm_later(tmp_path: Path) -> None:
    own = WakeModel("own", write_graph(tmp_path / "own.onnx", (1, 24, 96)), "my word")
    scores = wake_words(own, word("alexa")).process(noise(2.4, -60))
    assert [score.at // HOP_SAMPLES for score in scores] == [24, 25, 26, 27, 28, 29, 30]
    assert set(scores[0].by_name) == {"own", "alexa"}


@pytest.mark.parametrize("shape", [(1, 16, 95), (1, 16), (2, 16, 96), (1, -1, 96), (1, 16, 96, 1), (1, 500, 96)])
def test_a_model_of_another_shape_is_refused_with_both_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write_graph(tmp_path / "odd.onnx", shape)
    with pytest.raises(ModelDamaged, match=r"odd\.onnx takes x \(.*\); an openWakeWord model takes \(1, hops, 96\)"):
        wake_words(WakeModel("odd", path, "odd"))


def test_a_model_with_several_scores_is_refused(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "many.onnx", (1, 16, 96), scores=6)
    with pytest.raises(ModelDamaged, match=r"many\.onnx gives 6 scores; a wake word has one"):
        wake_words(WakeModel("many", path, "many"))


def test_models_in_each_others_place_are_refused() -> None:
    with pytest.raises(ModelDamaged, match="instead of"):
        WakeWords([], model("embedding"), model("melspectrogram"))
    with pytest.raises(ModelDamaged, match="an openWakeWord model takes"):
        wake_words(WakeModel("vad", model("silero_vad"), "vad"))


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"gone\.onnx"):
        wake_words(WakeModel("gone", tmp_path / "gone.onnx", "gone"))


# --- real recordings ------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(600)
def test_alexa_is_heard_in_97_of_98_real_clips_and_once_where_nobody_said_it() -> None:
    def heard(sound: Int16) -> bool:
        words = wake_words(word("alexa"))
        words.process(noise(2.5, -70))
        return any(score.by_name["alexa"] >= 0.5 for score in words.process(np.concatenate([sound, noise(1.5, -70)])))

    assert sum(heard(recording(path)) for path in recordings("wake", "alexa")) >= 97
    others = [path for kind in ("negative", "speech") for path in recordings(kind)]
    stream = [part for path in others for part in (recording(path), noise(0.4, -70))]
    scores = by_hop(wake_words(word("alexa")).process(np.concatenate([noise(2, -70), *stream])), "alexa")
    over = np.flatnonzero(scores >= 0.5)
    assert np.count_nonzero(np.diff(over, prepend=-100) > 25) <= 1
