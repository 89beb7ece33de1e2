from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from detect.graphs import write_graph
from speech import model

from satellite.core.errors import ModelDamaged, ModelNotFound
from satellite.detect.onnx import ANY, open_session


def test_a_graph_says_what_it_takes_and_runs(tmp_path: Path) -> None:
    session = open_session(write_graph(tmp_path / "mean.onnx", (1, 3, 2)), {"x": (1, 3, 2)})
    assert session.inputs == {"x": (1, 3, 2)}
    (mean,) = session.run({"x": np.arange(6, dtype=np.float32).reshape(1, 3, 2)})
    assert mean.item() == 2.5


def test_a_free_dimension_is_any(tmp_path: Path) -> None:
    session = open_session(write_graph(tmp_path / "mean.onnx", (-1, 3, 2)))
    assert session.inputs == {"x": (ANY, 3, 2)}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"nowhere\.onnx"):
        open_session(tmp_path / "nowhere.onnx")


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"\x08\x08"])
def test_what_is_no_graph_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelDamaged, match=r"broken\.onnx is no ONNX graph") as caught:
        open_session(path)
    assert "\n" not in str(caught.value)


def test_half_a_graph_is_damaged(tmp_path: Path) -> None:
    whole = model("alexa").read_bytes()
    path = tmp_path / "half.onnx"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelDamaged, match="no ONNX graph"):
        open_session(path)


@pytest.mark.parametrize("expected", [{"y": (1, 3, 2)}, {"x": (1, 3, 3)}, {"x": (3, 2)}, {}, {"x": (1, 3, 2), "y": ()}])
def test_other_inputs_than_expected_are_told_in_one_line(tmp_path: Path, expected: dict[str, tuple[int, ...]]) -> None:
    path = write_graph(tmp_path / "mean.onnx", (1, 3, 2))
    with pytest.raises(ModelDamaged, match=r"mean\.onnx takes x \(1, 3, 2\) instead of") as caught:
        open_session(path, expected)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "feeds", [{"x": np.zeros((1, 9, 9), np.float32)}, {"y": np.zeros(1, np.float32)}, {"x": np.zeros((1, 3, 2))}]
)
def test_a_graph_that_cannot_be_computed_is_damaged(tmp_path: Path, feeds: dict[str, np.ndarray]) -> None:
    session = open_session(write_graph(tmp_path / "mean.onnx", (1, 3, 2)))
    with pytest.raises(ModelDamaged, match=r"mean\.onnx fails"):
        session.run(feeds)


def test_a_bound_graph_reads_and_writes_arrays_where_they_are(tmp_path: Path) -> None:
    session = open_session(write_graph(tmp_path / "mean.onnx", (1, 3, 2)))
    given, mean = np.zeros((1, 3, 2), np.float32), np.full((1, 1, 1), 9, np.float32)
    bound = session.bound({"x": given}, {session.outputs[0]: mean})
    bound.run()
    assert mean.item() == 0
    given[:] = 2.5
    bound.run()
    assert mean.item() == 2.5


def test_a_bound_graph_that_cannot_be_computed_is_damaged(tmp_path: Path) -> None:
    session = open_session(write_graph(tmp_path / "mean.onnx", (1, 3, 2)))
    with pytest.raises(ModelDamaged, match=r"mean\.onnx fails"):
        session.bound({"x": np.zeros((1, 9, 9), np.float32)}, {"y": np.zeros((1, 1, 1), np.float32)}).run()
