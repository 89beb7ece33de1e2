from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from detect.graphs import write_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise, silence
from speech import clip, model

from satellite.core.audio import Float32, Int16
from satellite.core.errors import ModelDamaged
from satellite.detect.derived import difference
from satellite.detect.embedding import IncrementalEmbedding, WholeEmbedding, open_embedding
from satellite.detect.incremental import HOP_ROWS, MELS, incremental
from satellite.detect.onnx import open_session


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "embedding_incremental.onnx"
    path.write_bytes(incremental(model("embedding").read_bytes()))
    return path


def rows(count: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(1, 2, (count, MELS)).astype(np.float32)


def test_it_takes_eight_rows_and_eleven_states_of_two(derived: Path) -> None:
    session = open_session(derived)
    assert session.inputs["input_1"] == (1, HOP_ROWS, MELS, 1)
    states = [shape for name, shape in session.inputs.items() if name.startswith("state_")]
    assert len(states) == len(session.outputs) - 1 == 11
    assert {shape[2] for shape in states} == {2}


def test_its_features_are_those_of_the_published_graph_to_the_bit(derived: Path) -> None:
    one, other = open_embedding(model("embedding")), open_embedding(derived)
    for hop in np.split(rows(40 * HOP_ROWS), 40):
        np.testing.assert_array_equal(one.of(hop), other.of(hop))


def test_a_beginning_of_fewer_rows_is_the_same_to_both(derived: Path) -> None:
    one, other = open_embedding(model("embedding")), open_embedding(derived)
    for hop in (rows(5), *np.split(rows(15 * HOP_ROWS, seed=1), 15)):
        np.testing.assert_array_equal(one.of(hop), other.of(hop))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["speech", "zeros", "loud", "clipped"]), min_size=1, max_size=4))
def test_gaps_and_jumps_in_the_sound_are_the_same_to_both(derived: Path, parts: list[str]) -> None:
    sounds: dict[str, Int16] = {
        "speech": clip("alexa"),
        "zeros": silence(0.7),
        "loud": noise(0.4, -6),
        "clipped": np.full(4000, 32767, np.int16),
    }
    sound = np.concatenate([sounds[part] for part in parts])
    assert difference(model("embedding"), derived, model("melspectrogram"), sound) == 0


def test_the_two_graphs_are_told_apart_by_their_shapes(derived: Path) -> None:
    assert isinstance(open_embedding(model("embedding")), WholeEmbedding)
    assert isinstance(open_embedding(derived), IncrementalEmbedding)


@pytest.mark.parametrize("name", ["melspectrogram", "alexa", "silero_vad"])
def test_another_graph_is_no_embedding(name: str) -> None:
    with pytest.raises(ModelDamaged, match="instead of input_1"):
        open_embedding(model(name))


@pytest.mark.parametrize("name", ["melspectrogram", "alexa", "silero_vad"])
def test_another_graph_is_not_made_incremental(name: str) -> None:
    try:
        made = incremental(model(name).read_bytes())
    except ModelDamaged:
        return
    # What it makes of a graph without convolutions along time is nobody's: it cannot be opened as an embedding.
    assert b"state_0" not in made


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    whole = model("embedding").read_bytes()
    tiny = write_graph(tmp_path / "tiny.onnx", (1, 76, 32, 1)).read_bytes()
    for content in (b"", b"garbage" * 100, whole[: len(whole) // 2], tiny):
        with pytest.raises(ModelDamaged, match="cannot be made incremental"):
            incremental(content)
