"""The openwakeword package as the oracle: its scores are ours, for the same files, from the 16th hop of a sound on."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from signals import noise, silence
from speech import clip, everything, model, recording

from satellite.core.audio import Int16
from satellite.detect import derived
from satellite.detect.wakeword import HOP_SAMPLES, WARM_HOPS, WakeModel, WakeWords

NAMES = ("alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy")
LIMIT = 1e-3
Differences = Mapping[str, float]


@pytest.fixture(scope="module", params=["incremental", "whole"])
def embedding(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph as the satellite runs it, and as it was published."""
    if request.param == "whole":
        return model("embedding")
    folder = tmp_path_factory.mktemp("models")
    for name in (derived.EMBEDDING, derived.SPECTROGRAM):
        shutil.copy(model(name), folder)
    path = derived.embedding(folder)
    assert path.name == derived.FILE
    return path


def package() -> Any:
    """The package with the same files; skips the test where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = pytest.importorskip("openwakeword.model", reason="the openwakeword package is not installed")
        return oracle.Model(
            wakeword_models=[str(model(name)) for name in NAMES],
            inference_framework="onnx",
            melspec_model_path=str(model("melspectrogram")),
            embedding_model_path=str(model("embedding")),
        )


def differences(sound: Int16, embedding: Path) -> Differences:
    """The largest of each word, from the 16th hop of the sound on; one pass of both engines scores all words."""
    words = [WakeModel(name, model(name), name) for name in NAMES]
    ours = WakeWords(words, model("melspectrogram"), embedding).process(sound)
    theirs = package()
    hops = len(sound) // HOP_SAMPLES
    expected = [theirs.predict(hop) for hop in sound[: hops * HOP_SAMPLES].reshape(hops, HOP_SAMPLES)][WARM_HOPS - 1 :]
    assert [score.at // HOP_SAMPLES for score in ours] == list(range(WARM_HOPS, hops + 1))
    return {
        name: max(
            (abs(mine.by_name[name] - float(its[name])) for mine, its in zip(ours, expected, strict=True)), default=0.0
        )
        for name in NAMES
    }


def test_scores_on_made_speech_are_the_packages(embedding: Path) -> None:
    parts = [noise(1.5, -60), clip("hey_jarvis"), noise(1.5, -65), clip("alexa"), noise(1.5, -65), clip("timer")]
    assert max(differences(np.concatenate([*parts, noise(0.5, -30), silence(0.5)]), embedding).values()) < LIMIT


def test_scores_on_one_in_forty_real_recordings_are_the_packages(embedding: Path) -> None:
    furthest = {path: differences(recording(path), embedding) for path in everything()[::40]}
    assert max(max(found.values()) for found in furthest.values()) < LIMIT, furthest


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_scores_on_every_real_recording_are_the_packages(embedding: Path) -> None:
    found = [differences(recording(path), embedding) for path in everything()]
    furthest = {name: max(each[name] for each in found) for name in NAMES}
    print(f"{len(found)} recordings, largest difference: {furthest}")
    assert max(furthest.values()) < LIMIT, furthest
