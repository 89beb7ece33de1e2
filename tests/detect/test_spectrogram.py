from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from detect.graphs import write_graph
from signals import noise, silence, tone
from speech import clip, model, recording, recordings

from satellite.core.audio import Float32, Int16
from satellite.core.errors import ModelDamaged, ModelNotFound
from satellite.detect.spectrogram import FastSpectrogram, GraphSpectrogram, open_spectrogram

HOP = 1280
SEEN = HOP + 480


def hops(sound: Int16) -> list[Float32]:
    return [sound[end - SEEN : end].astype(np.float32) for end in range(SEEN, len(sound), HOP)]


def furthest(sound: Int16) -> float:
    fast, graph = open_spectrogram(model("melspectrogram")), GraphSpectrogram(model("melspectrogram"))
    return max(float(np.abs(fast.of(hop) - graph.of(hop)).max()) for hop in hops(sound))


def test_the_published_weights_are_a_fourier_transform() -> None:
    assert isinstance(open_spectrogram(model("melspectrogram")), FastSpectrogram)


@pytest.mark.parametrize(
    "sound",
    [silence(1), noise(1, -70), noise(1, -10), tone(440, 1, -3), clip("alexa"), np.full(16_000, 32767, np.int16)],
    ids=["silence", "quiet", "loud", "tone", "word", "clipped"],
)
def test_the_rows_are_the_graphs_within_a_hundredth_of_a_db(sound: Int16) -> None:
    assert furthest(sound) < 1e-2


def test_the_rows_of_real_speech_are_the_graphs() -> None:
    for path in recordings("speech")[::6]:
        assert furthest(recording(path)[:80_000]) < 2e-3


@pytest.mark.parametrize("samples", [512, 671, 672, 1280, 1760])
def test_as_many_rows_as_whole_windows_fit(samples: int) -> None:
    sound = noise(1, -40)[:samples].astype(np.float32)
    fast, graph = open_spectrogram(model("melspectrogram")), GraphSpectrogram(model("melspectrogram"))
    assert fast.of(sound).shape == graph.of(sound).shape == ((samples - 512) // 160 + 1, 32)


def test_a_graph_with_other_weights_runs_as_it_is(tmp_path: Path) -> None:
    content = model("melspectrogram").read_bytes()
    at = content.index(b"0.stft.conv_real.weight") + 40_000
    path = tmp_path / "other.onnx"
    path.write_bytes(content[:at] + b"\x3f" * 4 + content[at + 4 :])
    assert isinstance(open_spectrogram(path), GraphSpectrogram)


def test_another_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="instead of input"):
        open_spectrogram(write_graph(tmp_path / "other.onnx", (1, 3, 2)))
    with pytest.raises(ModelDamaged, match="no ONNX graph"):
        (tmp_path / "broken.onnx").write_bytes(b"garbage" * 50)
        open_spectrogram(tmp_path / "broken.onnx")
    with pytest.raises(ModelNotFound, match=r"gone\.onnx"):
        open_spectrogram(tmp_path / "gone.onnx")
