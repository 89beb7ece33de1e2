"""Writes tiny ONNX graphs: the mean of one float32 input over its last two axes, and something more, some times."""

from __future__ import annotations

import struct
from pathlib import Path

from satellite.detect.protobuf import bytes_of, number_of, written

_FLOAT = 1


def write_graph(path: Path, shape: tuple[int, ...], scores: int = 1, input_name: str = "x", more: float = 0.0) -> Path:
    """A graph that takes `shape`, -1 for a free dimension, and gives (shape[0], 1, 1), or that `scores` times over."""
    mean = _text(1, input_name) + _text(2, "mean") + _text(4, "ReduceMean") + _message(5, _axes(-2, -1))
    plus = _text(1, "mean") + _text(1, "more") + _text(2, "score") + _text(4, "Add")
    repeat = b"".join(_text(1, "score") for _ in range(scores)) + _text(2, "y") + _text(4, "Concat")
    repeat += _message(5, _text(1, "axis") + _number(3, 1) + _number(20, 2))
    constant = _number(1, 1) + _number(2, _FLOAT) + _text(8, "more") + _message(9, struct.pack("<f", more))
    graph = _message(1, mean) + _message(1, plus) + _message(1, repeat) + _text(2, "tiny") + _message(5, constant)
    graph += _message(11, _value(input_name, shape)) + _message(12, _value("y", (-1, -1, -1)))
    path.write_bytes(_number(1, 8) + _message(7, graph) + _message(8, _text(1, "") + _number(2, 13)))
    return path


def _axes(*axes: int) -> bytes:
    return _text(1, "axes") + b"".join(_number(8, axis) for axis in axes) + _number(20, 7)


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(_message(1, _text(2, "any") if size < 0 else _number(1, size)) for size in shape)
    tensor = _number(1, _FLOAT) + _message(2, dimensions)
    return _text(1, name) + _message(2, _message(1, tensor))


def _number(field: int, value: int) -> bytes:
    return written([number_of(field, value % 2**64)])


def _text(field: int, value: str) -> bytes:
    return written([bytes_of(field, value)])


def _message(field: int, content: bytes) -> bytes:
    return written([bytes_of(field, content)])
