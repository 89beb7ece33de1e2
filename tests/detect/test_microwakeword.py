from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise, silence
from speech import clip, model, recording, recordings

from satellite import models
from satellite.core.audio import Int16
from satellite.core.errors import ModelDamaged, ModelNotFound
from satellite.detect.microwakeword import MicroModel, MicroWakeWords, Recipe, missing, read_recipe
from satellite.detect.wakeword import HOP_SAMPLES, WARM_HOPS, Scores

NAMES = ["okay_nabu", "micro_alexa", "micro_hey_jarvis", "micro_hey_mycroft"]
NEW_ENOUGH, TOO_OLD = "glibc 2.36", "glibc 2.31"

installed = pytest.mark.skipif(bool(missing()), reason=missing())


def word(name: str) -> MicroModel:
    info = models.named(name)
    return MicroModel(name, model(name), info.phrase, info.threshold, window=info.window)


def wake_words(*names: str) -> MicroWakeWords:
    return MicroWakeWords([word(name) for name in names])


def by_hop(scores: Iterable[Scores], name: str) -> np.ndarray:
    return np.array([score.by_name[name] for score in scores])


def said(name: str) -> Int16:
    return np.concatenate([noise(2.0, -65), clip(name), noise(1.5, -65, seed=1)])


# --- words ------------------------------------------------------------------------------------------------------------


@installed
@pytest.mark.parametrize(
    ("name", "spoken"), [("okay_nabu", "okay_nabu"), ("micro_alexa", "alexa"), ("micro_hey_mycroft", "hey_mycroft")]
)
def test_a_made_wake_word_is_heard_where_it_is_said_and_no_other_is(name: str, spoken: str) -> None:
    scores = wake_words(*NAMES).process(said(spoken))
    over = [score.at for score in scores if score.by_name[name] >= word(name).threshold]
    end = 2 * 16_000 + len(clip(spoken))
    assert end - 8_000 <= over[0] <= end + 8_000
    others = [other for other in NAMES if other != name]
    assert all(by_hop(scores, other).max() < word(other).threshold for other in others)


@installed
@pytest.mark.parametrize("name", NAMES)
def test_real_wake_words_are_heard(name: str) -> None:
    clips = recordings("wake", name.removeprefix("micro_"))[:4]
    for path in clips:
        sound = np.concatenate([noise(2.0, -70), recording(path), noise(1.0, -70)])
        assert by_hop(wake_words(name).process(sound), name).max() >= word(name).threshold, path.name


@installed
def test_a_word_scores_the_same_alone_and_in_company() -> None:
    alone = by_hop(wake_words("okay_nabu").process(said("okay_nabu")), "okay_nabu")
    assert by_hop(wake_words(*NAMES).process(said("okay_nabu")), "okay_nabu").tolist() == alone.tolist()


# --- hops -------------------------------------------------------------------------------------------------------------


@installed
@pytest.mark.parametrize("sound", [silence(3), noise(3, -20), clip("alexa")], ids=["silence", "loud", "word"])
def test_it_is_silent_until_warm(sound: Int16) -> None:
    words = wake_words(*NAMES)
    sound = np.concatenate([sound, silence(2)])
    assert words.process(sound[: WARM_HOPS * HOP_SAMPLES - 1]) == []
    assert not words.statistics().warm
    first, *_ = words.process(sound[WARM_HOPS * HOP_SAMPLES - 1 : (WARM_HOPS + 1) * HOP_SAMPLES])
    assert first.at == WARM_HOPS * HOP_SAMPLES
    assert words.statistics().warm


@installed
@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 52_000), max_size=40))
def test_any_cutting_gives_the_same_scores(cuts: list[int]) -> None:
    sound = said("alexa")[:52_000]
    words = wake_words("micro_alexa")
    pieces = [score for part in np.split(sound, sorted(cuts)) for score in words.process(part)]
    assert pieces == wake_words("micro_alexa").process(sound)


@installed
def test_one_sample_at_a_time_gives_the_same_scores() -> None:
    sound = said("alexa")[: 18 * HOP_SAMPLES + 7]
    words = wake_words("micro_alexa")
    pieces = [score for sample in sound for score in words.process(np.array([sample]))]
    assert pieces == wake_words("micro_alexa").process(sound)
    assert [score.at for score in pieces] == [hop * HOP_SAMPLES for hop in (16, 17, 18)]


# --- the package used directly ----------------------------------------------------------------------------------------


def of_the_package(name: str, sound: Int16) -> list[float]:
    """The highest answer in each hop, from the package and its own copy of the model."""
    package = pytest.importorskip("pymicro_wakeword")
    theirs = package.MicroWakeWord.from_builtin(package.Model(name.removeprefix("micro_")))
    features, highest = package.MicroWakeWordFeatures(), []
    for begin in range(0, len(sound) - HOP_SAMPLES + 1, HOP_SAMPLES):
        steps = features.process_streaming(sound[begin : begin + HOP_SAMPLES].tobytes())
        highest.append(max((theirs.process_streaming_prob(step) for step in steps), default=0.0))
    return highest[WARM_HOPS - 1 :]


@installed
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_the_packages(name: str) -> None:
    sound = np.concatenate([said("okay_nabu"), said("alexa"), said("hey_mycroft"), noise(0.5, -30), silence(0.5)])
    assert by_hop(wake_words(name).process(sound), name).tolist() == of_the_package(name, sound)


@installed
@pytest.mark.long
@pytest.mark.timeout(600)
def test_scores_on_every_real_wake_word_are_the_packages_and_97_of_98_are_heard() -> None:
    heard = 0
    for path in recordings("wake", "alexa"):
        sound = np.concatenate([noise(2.5, -70), recording(path), noise(1.5, -70)])
        scores = by_hop(wake_words("micro_alexa").process(sound), "micro_alexa")
        assert scores.tolist() == of_the_package("micro_alexa", sound), path.name
        heard += bool((scores >= word("micro_alexa").threshold).any())
    assert heard >= 97


# --- models of one's own ----------------------------------------------------------------------------------------------


def own_model(folder: Path, **changes: object) -> Path:
    micro = {"probability_cutoff": 0.6, "sliding_window_size": 3, "feature_step_size": 10, **changes}
    path = folder / "my_word.tflite"
    shutil.copy(model("okay_nabu"), path)
    path.with_suffix(".json").write_text(json.dumps({"wake_word": "My word", "model": path.name, "micro": micro}))
    return path


def test_the_recipe_of_an_own_model_stands_in_its_json(tmp_path: Path) -> None:
    assert read_recipe(own_model(tmp_path)) == Recipe("My word", 0.6, 3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"probability_cutoff": None}, "does not describe a microWakeWord model of version 2: TypeError"),
        ({"probability_cutoff": 1.5}, "asks for what there is not"),
        ({"sliding_window_size": 0}, "asks for what there is not"),
        ({"feature_step_size": 20}, "asks for what there is not"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_one_line(tmp_path: Path, changes: dict[str, object], text: str) -> None:
    with pytest.raises(ModelDamaged, match=rf"my_word\.json {text}"):
        read_recipe(own_model(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"micro": []}', b"\xff"])
def test_a_json_that_says_something_else_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = own_model(tmp_path)
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(ModelDamaged, match=r"does not describe a microWakeWord model") as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)


def test_an_own_model_without_its_json_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"my_word\.tflite needs its my_word\.json beside it"):
        read_recipe(tmp_path / "my_word.tflite")


@installed
def test_a_shorter_window_of_ones_own_is_obeyed(tmp_path: Path) -> None:
    own = MicroModel("my_word", own_model(tmp_path), "My word", 0.6, window=1)
    scores = MicroWakeWords([own, word("okay_nabu")]).process(said("okay_nabu"))
    single, mean = by_hop(scores, "my_word"), by_hop(scores, "okay_nabu")
    assert single.max() >= mean.max() > 0.9
    assert np.argmax(single > 0.5) < np.argmax(mean > 0.5), "one answer rises before the mean of five does"


@installed
@pytest.mark.parametrize("kept", [1, 3, 64, 20_000, -1])
def test_a_damaged_graph_is_refused_and_does_not_end_the_process(tmp_path: Path, kept: int) -> None:
    path = own_model(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelDamaged, match=r"my_word\.tflite is no microWakeWord model: it cannot be run"):
        MicroWakeWords([MicroModel("my_word", path, "My word")])


@installed
def test_a_graph_for_something_else_is_refused(tmp_path: Path) -> None:
    path = own_model(tmp_path)
    content = path.read_bytes()
    # In the file the input's shape is stored as three numbers behind their count; nine steps are more than a hop has.
    shape = np.array([3, 1, 3, 40], "<i4").tobytes()
    assert shape in content
    path.write_bytes(content.replace(shape, np.array([3, 1, 9, 40], "<i4").tobytes()))
    with pytest.raises(ModelDamaged, match=r"my_word\.tflite is no microWakeWord model: it "):
        MicroWakeWords([MicroModel("my_word", path, "My word")])


@installed
def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"gone\.tflite"):
        MicroWakeWords([MicroModel("gone", tmp_path / "gone.tflite", "gone")])


# --- where it cannot be -----------------------------------------------------------------------------------------------


def test_where_it_is_installed_nothing_is_missing() -> None:
    assert missing("json", lambda: None) == ""


@pytest.mark.parametrize("libc", [NEW_ENOUGH, "glibc 2.35", "glibc 3.0"])
def test_where_it_can_be_installed_it_says_how(libc: str) -> None:
    assert missing("nobody_has_this", lambda: libc) == "microWakeWord is not installed; run: scripts/setup micro"


@pytest.mark.parametrize(("libc", "named"), [(TOO_OLD, TOO_OLD), (None, "none"), ("glibc new", "none")])
def test_where_it_cannot_be_it_says_what_it_needs(libc: str | None, named: str) -> None:
    assert missing("nobody_has_this", lambda: libc) == (
        f"microWakeWord needs glibc 2.35 (Debian 12 or newer); this system has {named}"
    )


def test_a_system_that_does_not_tell_its_libc_is_too_old() -> None:
    def unknown() -> str:
        raise ValueError("unrecognized configuration name")

    assert missing("nobody_has_this", unknown).endswith("this system has none")


def test_looking_whether_it_is_there_does_not_load_it() -> None:
    script = "import sys; from satellite.detect import microwakeword as m; m.missing(); print(m.PACKAGE in sys.modules)"
    looked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert looked.stdout == "False\n"
