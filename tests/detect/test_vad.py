from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from detect.graphs import write_graph
from signals import noise, silence, tone
from speech import RECORDINGS, clip, model, recording, recordings

from satellite.core.audio import Int16, to_float32
from satellite.core.errors import ModelDamaged
from satellite.detect import vad
from satellite.detect.onnx import open_session
from satellite.detect.vad import WINDOW_SAMPLES, Silero

BOTH = pytest.mark.parametrize("name", ["silero_vad", "silero_vad_v5"])


def probabilities(vad: Silero, sound: Int16) -> list[float]:
    begins = range(0, len(sound) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)
    return [vad.process(sound[begin : begin + WINDOW_SAMPLES]) for begin in begins]


@BOTH
@pytest.mark.parametrize("said", ["kitchen_light", "what_time", "timer", "open_door", "stop"])
def test_made_speech_is_speech(name: str, said: str) -> None:
    sound = np.concatenate([noise(0.5), clip(said), noise(0.5)])
    heard = probabilities(Silero(model(name)), sound)
    assert max(heard) > 0.9
    assert max(heard[:14]) < 0.5


@BOTH
def test_real_speech_is_speech(name: str) -> None:
    vad = Silero(model(name))
    for path in [path for path in recordings("speech") if path.stem.startswith(("r3", "cmu", "jfk"))]:
        vad.reset()
        assert np.mean(np.array(probabilities(vad, recording(path)[:48_000])) > 0.5) > 0.3, path.name


@BOTH
@pytest.mark.parametrize("sound", [silence(1), noise(1, -50), tone(440, 1, -30)], ids=["silence", "noise", "tone"])
def test_what_is_no_speech_is_none(name: str, sound: Int16) -> None:
    assert max(probabilities(Silero(model(name)), sound)) < 0.5


def answers(name: str, sound: Int16, context: int) -> list[float]:
    """What the graph itself says, given the last samples of the window before with each window."""
    session = open_session(model(name))
    padded = np.concatenate([np.zeros(context, np.float32), to_float32(sound)])
    state, rate_hz, said = np.zeros((2, 1, 128), np.float32), np.array(16_000, np.int64), []
    for begin in range(0, len(sound) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        window = padded[np.newaxis, begin : begin + context + WINDOW_SAMPLES]
        probability, state = session.run({"input": window, "state": state, "sr": rate_hz})
        said.append(float(probability.item()))
    return said


@BOTH
def test_each_window_is_heard_with_the_last_64_samples_before_it(name: str) -> None:
    sound = clip("kitchen_light")
    heard = probabilities(Silero(model(name)), sound)
    assert heard == pytest.approx(answers(name, sound, context=64), abs=1e-6)
    assert np.mean(heard) > 0.8


def test_without_those_64_samples_the_graph_does_not_fail_but_hears_nothing() -> None:
    assert np.mean(answers("silero_vad", clip("kitchen_light"), context=0)) < 0.1


@BOTH
def test_after_a_reset_the_same_sound_gives_the_same_probabilities(name: str) -> None:
    vad = Silero(model(name))
    first = probabilities(vad, clip("timer"))
    vad.reset()
    assert probabilities(vad, clip("timer")) == first


def test_float_and_int16_samples_are_the_same_to_it() -> None:
    vad = Silero(model("silero_vad"))
    window = clip("stop")[:WINDOW_SAMPLES]
    first = vad.process(window)
    vad.reset()
    assert vad.process(to_float32(window)) == pytest.approx(first, abs=1e-6)


@BOTH
def test_the_self_check_passes_and_leaves_nothing_behind(name: str) -> None:
    vad = Silero(model(name))
    before = probabilities(vad, clip("stop"))
    vad.reset()
    vad.self_check()
    assert probabilities(vad, clip("stop")) == before


def test_a_window_takes_less_than_2_ms_of_cpu() -> None:
    vad, window = Silero(model("silero_vad")), clip("stop")[:512]
    costs_s = []
    for _ in range(50):
        began_s = time.thread_time()
        vad.process(window)
        costs_s.append(time.thread_time() - began_s)
    assert min(costs_s) < 0.002


def spoken(meetings: bool) -> dict[Path, list[tuple[float, float]]]:
    """Where speech is in the recordings of which that is known, in seconds."""
    recordings("vad")  # or skip
    found: dict[Path, list[tuple[float, float]]] = {}
    for line in (RECORDINGS / "vad_truth.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        file, begin_s, end_s = line.split("\t")
        if ("ami" in file) == meetings:
            found.setdefault(RECORDINGS / file, []).append((float(begin_s), float(end_s)))
    return found


class NeverSpeech:
    """A session that answers 0 whatever it hears."""

    path = Path("deaf.onnx")

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [np.zeros((1, 1), np.float32), feeds["state"]]


def test_the_self_check_finds_a_model_that_hears_no_speech() -> None:
    vad = Silero(model("silero_vad"))
    vad._session = NeverSpeech()
    with pytest.raises(ModelDamaged, match=r"deaf\.onnx takes speech for 0\.00"):
        vad.self_check()


def test_threads_that_want_it_at_the_same_moment_load_it_once(tmp_path: Path) -> None:
    path = Path(shutil.copy(model("silero_vad"), tmp_path))
    loads = vad._loaded.cache_info().misses
    together = threading.Barrier(4)

    def load(_number: int) -> list[float]:
        together.wait()
        return probabilities(Silero(path), clip("stop"))

    with ThreadPoolExecutor(4) as threads:
        heard = list(threads.map(load, range(4)))
    assert vad._loaded.cache_info().misses == loads + 1
    # What one hears is nothing to the others.
    assert heard == [probabilities(Silero(path), clip("stop"))] * 4


def test_another_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="instead of input"):
        Silero(write_graph(tmp_path / "other.onnx", (1, 576, 1)))
    with pytest.raises(ModelDamaged, match="instead of input"):
        Silero(model("alexa"))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "meetings", "area", "missed", "false"),
    [
        ("silero_vad", False, 0.995, 0.065, 0.009),
        ("silero_vad", True, 0.975, 0.29, 0.003),
        ("silero_vad_v5", False, 0.992, 0.075, 0.009),
        ("silero_vad_v5", True, 0.937, 0.315, 0.003),
    ],
)
def test_speech_is_told_apart_in_noise_and_in_meetings(
    name: str, meetings: bool, area: float, missed: float, false: float
) -> None:
    answers, speech = [], []
    for file, spans in spoken(meetings).items():
        heard = np.array(probabilities(Silero(model(name)), recording(file)))
        at_s = np.arange(len(recording(file)) // 160) * 0.01 + 0.005
        counted = np.ones(len(at_s), bool)
        for border_s in (border for span in spans for border in span):
            counted &= np.abs(at_s - border_s) > 0.1
        is_speech = np.any([(at_s >= begin_s) & (at_s < end_s) for begin_s, end_s in spans], axis=0)
        windows = np.minimum((at_s * 16_000 / WINDOW_SAMPLES).astype(int), len(heard) - 1)
        answers.append(heard[windows][counted])
        speech.append(is_speech[counted])
    yes, no = (np.sort(np.concatenate(answers)[np.concatenate(speech) == said]) for said in (True, False))
    assert np.mean(np.searchsorted(no, yes) / len(no)) >= area - 1e-3
    assert np.mean(yes < 0.5) <= missed
    assert np.mean(no >= 0.5) <= false
