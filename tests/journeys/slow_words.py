"""A wake word's real model that needs as long for a hop as a test wants: for boards that are too slow."""

from __future__ import annotations

import struct
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from satellite.detect.onnx import open_session
from satellite.detect.protobuf import Field, bytes_in, bytes_of, fields, number_of, texts, written

_GRAPH, _NODE, _INITIALIZER, _INPUT, _OUTPUT = 7, 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
_FLOAT, _INTEGER = 1, 2
_SIZE = 256
_TRIED = 40


def slow_word(original: Path, path: Path, hop_ms: float) -> Path:
    """Write the model with products of matrices in it that take so long on this machine; its scores are the same."""
    _write(original, path, _TRIED)
    feeds = {name: np.zeros([max(1, size) for size in shape], np.float32) for name, shape in _inputs(path).items()}
    session = open_session(path)
    took_ms = []
    for _ in range(10):
        began_s = time.thread_time()
        session.run(feeds)
        took_ms.append((time.thread_time() - began_s) * 1000)
    _write(original, path, round(_TRIED * hop_ms / min(took_ms)) + 1)
    return path


def _inputs(path: Path) -> dict[str, tuple[int, ...]]:
    return dict(open_session(path).inputs)


def _write(original: Path, path: Path, products: int) -> None:
    model = list(fields(original.read_bytes()))
    (graph,) = bytes_in(model, _GRAPH)
    slow = bytes_of(_GRAPH, _slowed(list(fields(graph)), products))
    path.write_bytes(written(slow if part.number == _GRAPH else part for part in model))


def _slowed(graph: list[Field], products: int) -> list[Field]:
    (sound,), (score,) = (texts(fields(bytes_in(graph, part)[0]), 1) for part in (_INPUT, _OUTPUT))
    nodes = [_renamed(list(fields(content)), score, "true_score") for content in bytes_in(graph, _NODE)]
    names = ["product_0", *(f"product_{number}" for number in range(1, products + 1))]
    nodes += [
        _node("ReduceMean", [sound], "mean", keepdims=0),
        _node("Add", ["zeros", "mean"], names[0]),
        *(_node("MatMul", [name, "zeros"], then) for name, then in pairwise(names)),
        _node("ReduceMean", [names[-1]], "nothing", keepdims=0),
        _node("Add", ["true_score", "nothing"], score),
    ]
    sizes = [number_of(1, _SIZE), number_of(1, _SIZE), number_of(2, _FLOAT), bytes_of(8, "zeros")]
    zeros = bytes_of(_INITIALIZER, [*sizes, bytes_of(9, struct.pack(f"<{_SIZE**2}f", *[0.0] * _SIZE**2))])
    return [*(bytes_of(_NODE, node) for node in nodes), *(part for part in graph if part.number != _NODE), zeros]


def _renamed(node: list[Field], name: str, other: str) -> list[Field]:
    ends = (_NODE_INPUT, _NODE_OUTPUT)
    return [
        bytes_of(part.number, other) if part.number in ends and part.content == name.encode() else part for part in node
    ]


def _node(operator: str, inputs: list[str], output: str, **attributes: int) -> list[Field]:
    given = [bytes_of(_NODE_INPUT, name) for name in inputs]
    asked = [
        bytes_of(_ATTRIBUTE, [bytes_of(1, name), number_of(3, value), number_of(20, _INTEGER)])
        for name, value in attributes.items()
    ]
    return [*given, bytes_of(_NODE_OUTPUT, output), bytes_of(3, output), bytes_of(_OPERATOR, operator), *asked]
